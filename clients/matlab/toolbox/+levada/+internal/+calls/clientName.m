function name = clientName()
%CLIENTNAME Return what each call names as its client: 'matlab/0.1.0', or 'octave/0.1.0' in GNU Octave.

language = 'matlab';
if exist('OCTAVE_VERSION', 'builtin')
    language = 'octave';
end
name = [language '/' levada.version()];
end

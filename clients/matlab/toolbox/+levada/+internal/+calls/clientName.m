function name = clientName()
%CLIENTNAME Return the name of this client that each call carries: 'matlab/0.1.0', or 'octave/0.1.0' in GNU Octave.

language = 'matlab';
if exist('OCTAVE_VERSION', 'builtin')
    language = 'octave';
end
name = [language '/' levada.version()];
end

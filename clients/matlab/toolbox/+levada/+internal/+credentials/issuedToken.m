function token = issuedToken(url, authority)
%ISSUEDTOKEN Show the page on which to log in, and return the token that the server makes then.
%
%   token = issuedToken(url, authority)
%
%   authority  the certificate of the server's authority in PEM, or '' for the authorities of this system
%
%   See also levada.login

caller = levada.internal.calls.Caller(url, '', authority);
started = levada.internal.api.startLogin(caller, struct());
printable = @(text) text(text >= ' ' & text ~= char(127));
levada.internal.inputs.showNow('Log in at %s in any browser, and type the code %s.\n', printable(started.page), ...
    printable(started.code));
if ~isempty(started.page_with_code)
    levada.internal.inputs.showNow('This address has the code typed in: %s\n', printable(started.page_with_code));
end
began = tic;
wait = started.interval;
token = '';
while isempty(token)
    if toc(began) > secondsOf(started.lifetime)
        levada.internal.errors.fail('Unauthenticated', 'The time to log in is over; begin again.');
    end
    pause(secondsOf(wait));
    answer = levada.internal.api.pollLogin(caller, struct('login', started.login));
    token = answer.secret;
    if isempty(token)
        wait = answer.interval;
    end
end
end

function seconds = secondsOf(duration)
seconds = double(duration.seconds) + double(duration.nanos) / 1e9;
end

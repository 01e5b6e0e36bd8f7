%{
# little for session 1, more than goes into one message for 2, nothing for 3, and one key twice for 4
-> lab.Session
---
content : bytes
%}
classdef Bulky < levada.Computed
    methods
        function make(self, key)
            switch key.session
                case 1
                    insert(self, setfield(key, 'content', uint8(1:3)));
                case 2
                    insert(self, setfield(key, 'content', zeros(1, 2^21, 'uint8')));
                case 4
                    insert(self, setfield(key, 'content', uint8(1)));
                    insert(self, setfield(key, 'content', uint8(2)));
            end
        end
    end
end

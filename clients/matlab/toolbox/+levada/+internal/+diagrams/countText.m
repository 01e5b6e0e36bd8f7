function text = countText(count)
%COUNTTEXT Write how many entities a table of a diagram has, or how far its jobs are: '3 of 4, 1 error'.
%
%   count  a DiagramCount of the protocol

if ~isfield(count, 'progress')
    text = plural(number(count, 'entity_count'), 'row');
    return
end
progress = count.progress;
total = number(progress, 'total_count');
text = sprintf('%d of %d', total - number(progress, 'remaining_count'), total);
if number(progress, 'error_count') > 0
    text = [text ', ' plural(number(progress, 'error_count'), 'error')];
elseif number(progress, 'stale_count') > 0
    text = sprintf('%s, %d stale', text, number(progress, 'stale_count'));
elseif number(progress, 'reserved_count') > 0
    text = sprintf('%s, %d running', text, number(progress, 'reserved_count'));
end
end

function text = plural(number, word)
text = sprintf('%d %s', number, word);
if number ~= 1
    text = [text 's'];
end
end

function value = number(message, name)
value = 0;
if isfield(message, name) && ~isempty(message.(name))
    value = double(message.(name));
end
end

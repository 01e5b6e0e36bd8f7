function answer = hasDisplay()
%HASDISPLAY Return whether figures can be shown.

if exist('OCTAVE_VERSION', 'builtin')
    answer = ~isempty(available_graphics_toolkits()) && have_window_system();
else
    answer = usejava('awt');
end
end

function tier = tierOf(table)
%TIEROF Return the tier of a table's class in the form of the protocol: 'TABLE_TIER_MANUAL'.

tiers = {'Lookup', 'Manual', 'Imported', 'Computed', 'Part'};
isOf = cellfun(@(t) isa(table, ['levada.' t]), tiers);
if ~any(isOf)
    levada.internal.errors.fail('InvalidDefinition', ...
        'The class `%s` has no tier: derive it from levada.Manual, Lookup, Imported, Computed or Part.', class(table));
end
tier = ['TABLE_TIER_' upper(tiers{find(isOf, 1)})];
end

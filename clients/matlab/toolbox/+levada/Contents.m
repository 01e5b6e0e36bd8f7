% Levada: scientific data pipelines on a server
% Version 0.1.0
%
% Connect
%   connect        - Connect to a server, and make it the one that schemas use from now on.
%   login          - Log in to a server, keep the token for its address, and make it the one that schemas use from now on.
%   makeToken      - Make a token, with which a program calls the server as its user. Its secret is shown only now.
%   listTokens     - List the valid tokens that the user may see: the own ones, of an administrator those of everybody.
%   revokeTokens   - End tokens at once, and return how many.
%   conn           - Return the connection that schemas use; connect first if there is none.
%   Connection     - Connection to one server.
%   config         - Read and change settings of this session.
%   version        - Return the version of this toolbox, such as '0.1.0'.
%   failedCall     - Return the id, in the server's log, of the last call that failed; '' if none has.
%
% Schemas
%   Schema         - Namespace of tables, and the package of classes that declare them.
%   createSchema   - Create a schema, and the folder of its package with a getSchema.m.
%   listSchemas    - Return the names of the schemas that the user may see, in order, as a cell column.
%   virtualSchema  - Return the tables of an existing schema, wherever it was declared, without classes here.
%   Diagram        - Diagram of tables and their dependencies. It never changes; each operator makes a new one.
%   ERD            - Return the diagram of some tables: the name of levada.Diagram in older code.
%
% Tables
%   Manual         - Base class of tables whose rows come from people and instruments.
%   Lookup         - Base class of tables whose rows come from the class itself.
%   Imported       - Base class of tables whose rows a `make` reads from files and other sources outside the database.
%   Computed       - Base class of tables whose rows a `make` computes from other tables.
%   Part           - Base class of tables whose rows are inserted together with their master's.
%   Table          - Table, whole or restricted: its rows, and its place in the catalog.
%   FreeTable      - Table by its name, without a class, such as one that Python or another package declared.
%   AutoPopulate   - Base class of tables with a `make`: levada.Computed and levada.Imported.
%
% Queries
%   Relation       - Expression over tables. It never changes; each operator makes a new one.
%   Top            - First entities in an order.
%   U              - All possible entities with some attributes; of use only in restrictions and aggregations.
%   Not            - Opposite of a condition: the entities for which it is false or unknown.
%   AnyOf          - Condition that holds if at least one of some conditions holds: B | 'x > 5' | struct('y', 1).
%   Lineage        - Rows of several tables that belong together along foreign keys.
%   StoredObject   - File, folder or array that lies in a store, or a file in a row, as fetch returns it.
%
% Computing
%   worker         - Compute jobs of some tables and look for their new rows, beside other workers in MATLAB and Python, until stopped.
%   unchangedFiles - Find the files below a folder that have not changed for some minutes, so that they are whole.
%   Jobs           - Jobs of a table as a relation: the key of each, its state, worker and error. Restrict, join and fetch it.
%   Recomputation  - Outcome of a recompute: results that came out equal, differences, and errors; nothing is replaced yet.
%
% Plans of changes
%   AlterationPlan - Changes that a table needs to have the definition of its class.
%   DeletePlan     - Plan of a delete: the number of rows that it deletes from each table.
%
% `help levada.connect` has more about a name, `help levada.Table.insert` about a method.

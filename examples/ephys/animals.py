"""Schema `ephys_animals`: the animals of the laboratory."""

from __future__ import annotations

import levada as dj

schema = dj.schema("ephys_animals")


@schema
class Species(dj.Lookup):
    """Strains and species."""

    definition = """
    # A species
    species : varchar(24)
    ---
    latin_name : varchar(64)
    """
    contents = (("mouse", "Mus musculus"), ("rat", "Rattus norvegicus"))


@schema
class Animal(dj.Manual):
    """The animals of the laboratory."""

    definition = """
    # An animal
    animal_id : smallint unsigned
    ---
    -> Species
    sex = 'U' : enum('F', 'M', 'U')  # U is for unknown
    date_of_birth : date
    animal_notes = "" : varchar(255)
    """


@schema
class Parentage(dj.Manual):
    """The parents of each animal."""

    definition = """
    # A parent of an animal
    -> Animal
    (parent_id) -> Animal(animal_id)
    ---
    parent_sex : enum('F', 'M')
    """


@schema
class Weighing(dj.Manual):
    """The weights of the animals over time."""

    definition = """
    # An animal on the balance
    -> Animal
    weighing_time : datetime
    ---
    weight : decimal(4,1)  # in g
    """

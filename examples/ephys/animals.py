"""Schema `ephys_animals`: who is recorded from."""

from __future__ import annotations

import levada as dj

schema = dj.schema("ephys_animals")


@schema
class Species(dj.Lookup):
    """What animals there are."""

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
    """Who is whose offspring."""

    definition = """
    # A parent of an animal
    -> Animal
    (parent_id) -> Animal(animal_id)
    ---
    parent_sex : enum('F', 'M')
    """


@schema
class Weighing(dj.Manual):
    """How much they weigh."""

    definition = """
    # An animal on the balance
    -> Animal
    weighing_time : datetime
    ---
    weight : decimal(4,1)  # in g
    """

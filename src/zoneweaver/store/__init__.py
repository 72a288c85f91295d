"""What is remembered: the tables, one door to the database, secrets sealed at rest."""

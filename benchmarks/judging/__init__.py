"""How well the judge tells rounding from bugs: false alarms, and mutants found."""

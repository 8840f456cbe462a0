"""What turns the text of a study file into a study, or into one error that tells every problem."""

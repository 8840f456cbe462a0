"""What is trained: data sets, models, initialisers, optimizers, schedules, the loop. torch only, no Ray."""

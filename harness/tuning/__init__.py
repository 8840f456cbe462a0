"""How configurations are chosen: Ray Tune runs, Optuna proposes, ASHA stops. The only importer of both."""

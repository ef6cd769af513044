"""The online experiment: who sees which system, what came of it, how sure that is.

A plain library: it knows neither Kedro nor torch. `assignment` and `event_log` are for
the service, everything else for the analysis.
"""

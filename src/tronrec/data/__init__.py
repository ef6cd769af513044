"""From raw click logs to packed sessions; a plain library, no Kedro and no torch."""

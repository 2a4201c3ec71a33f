"""From a picture or a volume to an answer: probabilities, verdict, heat map, rows."""

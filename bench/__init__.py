"""What Gyrus costs beside what the articles' way costs: ``make bench``. Ratios, each pair measured in turn."""

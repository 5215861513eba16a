"""HTML reports with their plots and tables."""

"""What several runs say together: numbers alone, as the figures and tables of a comparison show them."""

"""The apps, messages and papers that show a payment; every brand is invented."""

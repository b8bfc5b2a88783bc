"""Small fastText classifiers from labelled text: trained, quantised, evaluated, and described by a card."""

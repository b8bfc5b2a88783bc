"""Small fastText classifiers, trained, quantised and evaluated."""

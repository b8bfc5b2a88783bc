"""Filter packs: predicates over the measurements, checked as trees and emitted as SQL."""

//! A first map from nothing: stochastic likelihood optimisation, symmetry found afterwards, hand by evidence.

//! The mapping as a whole: fixtures, corpus, random changes, hostile input.

mod corpus;
mod editing;
mod occurrences;
mod random;

//! Carries plans out: one run = collect → decide → intend → write → settle.

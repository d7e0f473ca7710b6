//! The guards that keep the promises of the items' areas, by name, so that a test can take one away and see that the promise breaks.

/// A guard.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "named after what each does")]
pub enum Guard {
    /// V2: a write is on disk before it is sent.
    IntendFirst,
    /// V2: what became of a write whose outcome is not known is looked at.
    ProbeIntents,
    /// V2, V12: an item made from a record has the same name at every attempt.
    StableCreateId,
    /// V3: cursors move after what they cover is settled.
    CursorWithItems,
    /// V4: what belongs together is found by UID and record id.
    MatchByIdentity,
    /// V5: a change is what differs from the base.
    ContentDecides,
    /// V6: the base is what the servers keep, not what was sent.
    BaseIsStored,
    /// V7: only fields that change are written.
    ChangedFieldsOnly,
    /// V8: absence from a listing is no deletion.
    ProofOfAbsence,
    /// V8: a record that cannot be seen any more need not be deleted.
    ProofOfDeletion,
    /// V8: many deletions at once are asked about.
    MassChange,
    /// V9: nobody is invited.
    NoInvitations,
    /// V10: a broken item does not stop the others.
    IsolatePoison,
    /// V11: a rejected login locks.
    LockOnRejection,
    /// V12: a part has one record in the organisation.
    OneRecordPerPart,
    /// V13: the policy for private items holds.
    PrivateStaysPrivate,
    /// C8: what loses a conflict is kept.
    LoserKept,
}

/// The guards that are on: all of them, except in a test.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Guards {
    off: Option<Guard>,
}

impl Guards {
    /// All guards but one: a mutant, for tests.
    #[doc(hidden)]
    #[must_use]
    pub const fn all_but(off: Guard) -> Self {
        Self { off: Some(off) }
    }

    pub(crate) fn on(self, guard: Guard) -> bool {
        self.off != Some(guard)
    }
}

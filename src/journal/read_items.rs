//! What the journal knows in the areas of items. Every read is a short transaction of its own; none reads more than it gives.

use std::ops::Bound;

use super::tables::{
    CONFLICT_LOSERS, KNOWN_ITEMS, KNOWN_ITEMS_DUE, KNOWN_RECORDS, KNOWN_RECORDS_DUE, PAIRS, PAIRS_BY_RECORD, PAIRS_TO_LINK, TALLIES, WISHES,
};
use super::{AreaTally, ConflictLoser, ItemPlace, Journal, JournalError, KnownItem, KnownRecord, Pair, Wish};
use crate::model::{AccountId, Area, Instant, ItemKey};

impl Journal {
    /// One pair.
    pub fn pair(&self, account: &AccountId, area: Area, key: &ItemKey) -> Result<Option<Pair>, JournalError> {
        self.store().read(|txn| PAIRS.get(txn, (account.as_str(), area.name(), key.as_str())))
    }

    /// The pair of a record.
    pub fn pair_of_record(&self, account: &AccountId, area: Area, record: &str) -> Result<Option<(ItemKey, Pair)>, JournalError> {
        self.store().read(|txn| {
            let Some(key) = PAIRS_BY_RECORD.get(txn, (account.as_str(), area.name(), record))? else { return Ok(None) };
            let pair = PAIRS.get(txn, (account.as_str(), area.name(), key.as_str()))?;
            Ok(pair.map(|pair| (key, pair)))
        })
    }

    /// The pairs of an item: `first` is the key of its master, `last` (excluded) that behind its last occurrence.
    pub fn pairs_between(
        &self,
        account: &AccountId,
        area: Area,
        first: &ItemKey,
        last: &ItemKey,
    ) -> Result<Vec<(ItemKey, Pair)>, JournalError> {
        self.store().read(|txn| {
            let row = |key| (account.as_str(), area.name(), key);
            let mut pairs = Vec::new();
            for found in PAIRS.open(txn)?.range(row(first.as_str())..row(last.as_str()))? {
                let (key, json) = found?;
                pairs.push((key.value().2.into(), PAIRS.decode(&key.value(), json.value())?));
            }
            Ok(pairs)
        })
    }

    /// At most `limit` pairs in the order of their keys, beginning behind `after`.
    pub fn pairs_page(
        &self,
        account: &AccountId,
        area: Area,
        after: Option<&ItemKey>,
        limit: usize,
    ) -> Result<Vec<(ItemKey, Pair)>, JournalError> {
        self.store().read(|txn| {
            let row = |key| (account.as_str(), area.name(), key);
            let first = after.map_or(Bound::Included(row("")), |after| Bound::Excluded(row(after.as_str())));
            let mut page = Vec::new();
            for found in PAIRS.open(txn)?.range::<(&str, &str, &str)>((first, Bound::Unbounded))?.take(limit) {
                let (key, json) = found?;
                let (row_account, row_area, item) = key.value();
                if (row_account, row_area) != (account.as_str(), area.name()) {
                    break;
                }
                page.push((item.into(), PAIRS.decode(&key.value(), json.value())?));
            }
            Ok(page)
        })
    }

    /// At most `limit` pairs whose item lacks the link to its record.
    pub fn pairs_to_link(&self, account: &AccountId, area: Area, limit: usize) -> Result<Vec<ItemKey>, JournalError> {
        self.store().read(|txn| {
            let mut keys = Vec::new();
            for found in PAIRS_TO_LINK.open(txn)?.range((account.as_str(), area.name(), "")..)?.take(limit) {
                let (key, _) = found?;
                let (row_account, row_area, item) = key.value();
                if (row_account, row_area) != (account.as_str(), area.name()) {
                    break;
                }
                keys.push(item.into());
            }
            Ok(keys)
        })
    }

    /// What is known of an item.
    pub fn known_item(&self, account: &AccountId, area: Area, place: &ItemPlace) -> Result<Option<KnownItem>, JournalError> {
        self.store().read(|txn| KNOWN_ITEMS.get(txn, (account.as_str(), area.name(), &place.collection, &place.id)))
    }

    /// At most `limit` known items of a collection in the order of their ids, beginning behind `after`.
    pub fn known_items_page(
        &self,
        account: &AccountId,
        area: Area,
        collection: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, KnownItem)>, JournalError> {
        self.store().read(|txn| {
            let row = |item| (account.as_str(), area.name(), collection, item);
            let first = after.map_or(Bound::Included(row("")), |after| Bound::Excluded(row(after)));
            let mut page = Vec::new();
            for found in KNOWN_ITEMS.open(txn)?.range::<(&str, &str, &str, &str)>((first, Bound::Unbounded))?.take(limit) {
                let (key, json) = found?;
                let (row_account, row_area, row_collection, item) = key.value();
                if (row_account, row_area, row_collection) != (account.as_str(), area.name(), collection) {
                    break;
                }
                page.push((item.to_owned(), KNOWN_ITEMS.decode(&key.value(), json.value())?));
            }
            Ok(page)
        })
    }

    /// At most `limit` items whose time to be looked at again has come, earliest first.
    pub fn known_items_due(&self, account: &AccountId, area: Area, now: Instant, limit: usize) -> Result<Vec<ItemPlace>, JournalError> {
        self.store().read(|txn| {
            let first = (account.as_str(), area.name(), i64::MIN, "", "");
            let last = (account.as_str(), area.name(), now.timestamp().saturating_add(1), "", "");
            let mut due = Vec::new();
            for found in KNOWN_ITEMS_DUE.open(txn)?.range(first..last)?.take(limit) {
                let (key, _) = found?;
                let (.., collection, id) = key.value();
                due.push(ItemPlace { collection: collection.to_owned(), id: id.to_owned() });
            }
            Ok(due)
        })
    }

    /// What is known of a record that is not paired.
    pub fn known_record(&self, account: &AccountId, area: Area, record: &str) -> Result<Option<KnownRecord>, JournalError> {
        self.store().read(|txn| KNOWN_RECORDS.get(txn, (account.as_str(), area.name(), record)))
    }

    /// At most `limit` unpaired records whose time to be looked at again has come, earliest first.
    pub fn known_records_due(&self, account: &AccountId, area: Area, now: Instant, limit: usize) -> Result<Vec<String>, JournalError> {
        self.store().read(|txn| {
            let first = (account.as_str(), area.name(), i64::MIN, "");
            let last = (account.as_str(), area.name(), now.timestamp().saturating_add(1), "");
            let mut due = Vec::new();
            for found in KNOWN_RECORDS_DUE.open(txn)?.range(first..last)?.take(limit) {
                let (key, _) = found?;
                due.push(key.value().3.to_owned());
            }
            Ok(due)
        })
    }

    /// What the user asked for in an area.
    pub fn wishes(&self, account: &AccountId, area: Area) -> Result<Vec<Wish>, JournalError> {
        self.store().read(|txn| {
            let mut wishes = Vec::new();
            for found in WISHES.open(txn)?.range((account.as_str(), area.name(), "")..)? {
                let (key, json) = found?;
                let (row_account, row_area, _) = key.value();
                if (row_account, row_area) != (account.as_str(), area.name()) {
                    break;
                }
                wishes.push(WISHES.decode(&key.value(), json.value())?);
            }
            Ok(wishes)
        })
    }

    /// At most `limit` values that lost in conflicts, newest run first.
    pub fn conflict_losers(&self, account: &AccountId, area: Area, limit: usize) -> Result<Vec<ConflictLoser>, JournalError> {
        self.store().read(|txn| {
            let (first, last) = ((account.as_str(), area.name(), ""), (account.as_str(), area.name(), "\u{10FFFF}"));
            let mut losers = Vec::new();
            for found in CONFLICT_LOSERS.open(txn)?.range(first..last)?.rev().take(limit) {
                let (key, json) = found?;
                losers.push(CONFLICT_LOSERS.decode(&key.value(), json.value())?);
            }
            Ok(losers)
        })
    }

    /// The numbers of an area.
    pub fn area_tally(&self, account: &AccountId, area: Area) -> Result<AreaTally, JournalError> {
        Ok(self.store().read(|txn| TALLIES.get(txn, (account.as_str(), area.name())))?.unwrap_or_default())
    }
}

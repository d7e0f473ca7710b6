//! Why a card cannot be read or written, in words for the list of parked items.

/// A failure of the vCard mapping. None of them concerns any other card (V10).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VcardFault {
    /// Cards lie deeper in each other than [`crate::groupware::lines::MAX_DEPTH`].
    #[error("the card is nested too deeply")]
    TooDeep,
    /// There is no VCARD.
    #[error("this is no card")]
    NoCard,
    /// One resource holds one card (RFC 6352 §5.1).
    #[error("this holds several cards")]
    SeveralCards,
    /// A distribution list, a place or a device.
    #[error("the card is of the kind \"{kind}\", which is neither a person nor an organisation")]
    NoContact {
        /// KIND in lower case.
        kind: String,
    },
    /// A new card without a UID.
    #[error("the card has no UID")]
    NoUid,
    /// A card has no occurrences and no parts.
    #[error("a contact has no such part")]
    NoSuchPart,
    /// A picture is to be written of which only the digest is known.
    #[error("the picture is not at hand")]
    NoPicture,
    /// A picture is no JPEG, PNG or GIF, or above [`super::MAX_PICTURE`].
    #[error("the picture is no JPEG, PNG or GIF, or larger than {} MiB", super::MAX_PICTURE / 1024 / 1024)]
    BadPicture,
    /// The value of a field is of the wrong kind or cannot be expressed.
    #[error("the field {field} cannot take this value")]
    BadField {
        /// The field.
        field: crate::model::Field,
    },
}

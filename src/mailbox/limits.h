// Every limit of the room, with its reason.
#pragma once

#include <cstddef>
#include <cstdint>

namespace angarium::mailbox {

/// A whole mailbox name in octets of UTF-8: fits a command line and a key with room to spare.
inline constexpr std::size_t kNameMax = 1000;
/// One level of a name: what file systems allow, so that every export can keep the names.
inline constexpr std::size_t kLevelMax = 255;
/// Levels of a name: no client shows more, and walks up the hierarchy stay short.
inline constexpr std::size_t kDepthMax = 32;
/// Mailboxes of one account: all are kept in memory while the account is loaded, and LIST answers with all of them.
inline constexpr std::size_t kMailboxesMax = 10'000;
/// Names an account may subscribe to.
inline constexpr std::size_t kSubscriptionsMax = 10'000;
/// Keywords in use in one mailbox: beyond it new ones are refused (PERMANENTFLAGS without \*).
inline constexpr std::size_t kKeywordsMax = 512;
/// Octets of one keyword.
inline constexpr std::size_t kKeywordMax = 200;
/// Lines of one access control list: it is looked through with every command, and GETACL tells all.
inline constexpr std::size_t kAccessEntriesMax = 200;
/// Octets of an identifier there: an address with what tells its kind.
inline constexpr std::size_t kAccessIdentifierMax = 400;
/// Octets of an annotation's value: fits a command of IMAP, far above the 1024 that RFC 5464 §4.1 asks for.
inline constexpr std::size_t kMetadataValueMax = 32 * 1024;
/// Octets of an entry's name: keys stay small.
inline constexpr std::size_t kMetadataNameMax = 256;
/// Annotations of one mailbox, or of the account itself, for each who has any there; RFC 5464 §4.1 asks for 10.
inline constexpr std::size_t kMetadataEntriesMax = 100;
/// Octets of names and values in one account, for each who has any there: all are in memory while it is loaded.
inline constexpr std::size_t kMetadataOctetsMax = 512 * 1024;
/// Changes of annotations that are kept in memory to be told; who asks more seldom misses the oldest.
inline constexpr std::size_t kMetadataNewsMax = 1000;
/// Messages of one mailbox: sequence numbers and the memory of its view stay bounded (40 octets each).
inline constexpr std::uint32_t kMessagesMax = 10'000'000;
/// Octets of a body that are read at once where a message is sent: what the store verifies at once, and below what the
/// heap takes from the kernel anew for each block.
inline constexpr std::size_t kPieceOctets = 64 * 1024;
/// Presented octets of one message: RFC822.SIZE and the view's size field are 32 bits wide.
inline constexpr std::uint64_t kMessageSizeMax = UINT32_MAX;
/// Octets of the trace fields put before a body.
inline constexpr std::size_t kPrependedMax = 64 * 1024;
/// Octets of the ready ENVELOPE, BODY and BODYSTRUCTURE of one email, in both forms together: larger ones are not kept
/// but made again when asked for.
inline constexpr std::size_t kReadyTextMax = 128 * 1024;
/// They are not kept, either, for further recipients of a batch with so many octets of changes: long headers to many
/// recipients must not pass store::kBatchMetadataMax.
inline constexpr std::size_t kReadyTextsInBatch = 4u << 20;
/// References looked at for a thread, the last ones: longer chains come from loops or abuse.
inline constexpr std::size_t kReferencesMax = 24;
/// Change records (flags, expunge tombstones, …) kept for each account, counted in MODSEQs; older ones are trimmed.
inline constexpr std::uint64_t kChangesMax = 100'000;
/// They are trimmed when the MODSEQ passes a multiple of this.
inline constexpr std::uint64_t kChangesTrimEvery = 4096;
/// Messages one batch changes one by one: keeps it within store::kBatchMetadataMax and its change record within
/// store::kValueMax. EXPUNGE, MOVE, STORE and COPY of more go on in further batches; a COPY refused in one of them
/// takes the others back.
inline constexpr std::size_t kBatchMessagesMax = 80'000;
/// Emails of one grave record.
inline constexpr std::size_t kGraveEmailsMax = 50'000;
/// Thread keys put lately that are kept in memory, because a delivery may have looked for them before they were
/// durable.
inline constexpr std::size_t kRecentThreadsMax = 1024;
/// A mailbox of at most so many messages is loaded on the loop when all of it is in memory.
inline constexpr std::int64_t kLoadOnLoopMax = 2000;
/// Octets above 127 of a small message that is looked at on the loop: one with more may have thousands of
/// internationalized addresses, whose ENVELOPE takes a tenth of a second to make. Most bodies in UTF-8 have fewer.
inline constexpr std::size_t kBeyondAsciiOnLoop = 8 << 10;
/// Seconds an expunged message stays readable to sessions not yet told.
inline constexpr std::int64_t kGraveSeconds = 3600;

}  // namespace angarium::mailbox

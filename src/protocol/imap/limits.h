// The limits of the IMAP room. Each is tested at the limit and one past it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace angarium::protocol::imap {

/// One command with its small literals, once logged in: long UID sets of real clients fit (RFC 7162 §4 asks for 8192).
inline constexpr std::size_t kCommandMax = 64 * 1024;
/// The same before login: many strangers may hold a buffer at once; SASL messages are far smaller.
inline constexpr std::size_t kUnauthenticatedCommandMax = 16 * 1024;
/// A non-synchronising literal before login: what LITERAL- permits (RFC 7888 §5).
inline constexpr std::uint64_t kUnauthenticatedLiteralMax = 4096;
/// A refused non-synchronising literal is read and dropped up to this size; a larger one ends the connection, as
/// reading it would only cost both sides (RFC 7888 §4 permits both).
inline constexpr std::uint64_t kDiscardMax = 64 * 1024 * 1024;
/// The same before login.
inline constexpr std::uint64_t kUnauthenticatedDiscardMax = 64 * 1024;
/// A tag: clients use about 10 octets.
inline constexpr std::size_t kTagMax = 128;
/// A mailbox name in UTF-8.
inline constexpr std::size_t kMailboxNameMax = 1000;
/// Parentheses, NOT and OR within one another in SEARCH: the parser and the evaluation recurse that deep.
inline constexpr int kSearchDepthMax = 50;
/// Keys of one SEARCH: each costs a pass over the mailbox.
inline constexpr std::size_t kSearchKeysMax = 1000;
/// Keys of one SEARCH that must read messages.
inline constexpr std::size_t kSearchTextKeysMax = 100;
/// Searches that one mailbox keeps up to date for a session (RFC 5267 §4.3.1): clients keep one or two.
inline constexpr std::size_t kContextsMax = 16;
/// What all of them hold in memory: the keys of some fifty thousand messages in order, or far more that are not.
inline constexpr std::size_t kContextOctetsMax = std::size_t{8} * 1024 * 1024;
/// How often a FILTER of a filter is replaced by what it stands for: RFC 5466 §3.1 asks for 3.
inline constexpr int kFilterPassesMax = 3;
/// Keys and texts that one SORT or THREAD may hold: those of some million messages.
inline constexpr std::size_t kSortOctetsMax = std::size_t{256} * 1024 * 1024;
/// Octets of a text that SORT compares: nobody reads further, and the keys stay small.
inline constexpr std::size_t kSortTextMax = 1000;
/// Looks up a chain of ancestors in one THREAD: real mail needs a few for each message, forged chains take seconds.
inline constexpr std::size_t kThreadStepsMax = 500'000'000;
/// BODY[…] and BINARY[…] items of one FETCH.
inline constexpr std::size_t kFetchSectionsMax = 100;
/// Field names in one HEADER.FIELDS list.
inline constexpr std::size_t kHeaderFieldsMax = 200;
/// Numbers of a section part: deeper than the structure parser keeps nested parts.
inline constexpr std::size_t kSectionDepthMax = 100;
/// Patterns of one LIST.
inline constexpr std::size_t kListPatternsMax = 100;
/// Mailboxes whose messages one NOTIFY watches (RFC 5465 §3.1): each is looked at after every change of the account.
inline constexpr std::size_t kNotifyMailboxesMax = 1000;
/// filter-mailboxes of one NOTIFY or ESEARCH, and names of one of them.
inline constexpr std::size_t kMailboxFiltersMax = 100;
inline constexpr std::size_t kFilterNamesMax = 1000;
/// Wildcards of one pattern: matching costs name length × wildcards.
inline constexpr std::size_t kListWildcardsMax = 32;
/// Flags of one list.
inline constexpr std::size_t kFlagsMax = 128;
/// A keyword's length; the store's limit, too.
inline constexpr std::size_t kKeywordMax = 200;
/// Messages of one MULTIAPPEND: all of them become visible in one batch.
inline constexpr std::size_t kAppendMessagesMax = 1000;
/// Entries that one GETMETADATA, SETMETADATA or LIST names: each is looked for among all of a mailbox.
inline constexpr std::size_t kAnnotationsNamedMax = 100;
/// Octets of an annotation's value; the store's limit, too. Told by METADATA MAXSIZE.
inline constexpr std::size_t kAnnotationMax = 32 * 1024;
/// Octets of an entry's name; the store's limit, too.
inline constexpr std::size_t kAnnotationNameMax = 256;
/// Annotations of a mailbox for each who has any there; the store's limit, too.
inline constexpr std::size_t kAnnotationsMax = 100;
/// Resources of one SETQUOTA: RFC 9208 §5 defines four.
inline constexpr std::size_t kQuotaResourcesMax = 20;
/// Parts of one CATENATE: a message of real parts has some dozens, each URL opens a mailbox.
inline constexpr std::size_t kCatenatePartsMax = 1000;
/// URLs of one GENURLAUTH or URLFETCH: each opens a mailbox; a message of real parts has some dozens.
inline constexpr std::size_t kUrlsMax = 1000;
/// Octets of a URL that is signed or fetched: a mailbox name of 1000 octets, each percent-encoded, and what follows it
/// fit. A command line of SMTP (BURL) holds less.
inline constexpr std::size_t kUrlMax = 8192;
/// Octets of a key that signs URLs: RFC 4467 §2.2 asks for 16 at least, and this is HMAC-SHA-256's own size.
inline constexpr std::size_t kUrlKeyOctets = 32;
/// Arguments of one LANGUAGE or COMPARATOR.
inline constexpr std::size_t kPreferencesMax = 100;
/// Octets of a collation with wildcards (RFC 4790 §3.2).
inline constexpr std::size_t kCollationNameMax = 254;
/// Fields of one ID (RFC 2971 §3.3).
inline constexpr std::size_t kIdFieldsMax = 30;
inline constexpr std::size_t kIdNameMax = 30;
inline constexpr std::size_t kIdValueMax = 1024;
/// Bad commands before the connection ends: before login no honest client sends three.
inline constexpr int kBadCommandsMax = 20;
inline constexpr int kUnauthenticatedBadCommandsMax = 3;
/// Failed logins before the connection ends.
inline constexpr int kFailedLoginsMax = 3;
/// Octets waiting in our buffer before they go to the connection; the connection itself pauses us at 256 KiB unsent.
inline constexpr std::size_t kFlushAt = 64 * 1024;
/// A stretch of a message asked from the store at once.
inline constexpr std::size_t kBodyChunk = 256 * 1024;
/// Messages that one FETCH names in DOWNGRADED (RFC 6858 §3): the line is for people who look for a fault.
inline constexpr std::size_t kDowngradedTold = 100;
/// Messages whose stored texts are asked from the store at once.
inline constexpr std::size_t kTextBatch = 64;

/// RFC 10022 §3.1.3.2: the least batch that UIDBATCHES has to make; smaller ones would be message numbers again.
inline constexpr std::uint32_t kBatchSizeMin = 500;

/// RFC 9585 §4 recommends 10 to 15 seconds between notices that a command is at work.
inline constexpr Duration kProgressEvery = std::chrono::seconds(10);
/// RFC 9051 §5.4: at least 30 minutes of silence are allowed.
inline constexpr Duration kIdleTimeout = std::chrono::minutes(31);
/// Before login a minute is enough for a person's program.
inline constexpr Duration kLoginTimeout = std::chrono::minutes(1);
/// A message of APPEND must come at least so fast on the whole, beyond kSendTimeout: an octet now and then would hold
/// its connection and buffers for ever.
inline constexpr std::uint64_t kAppendOctetsPerSecond = 1024;
/// What we send must be taken, and octets of a message must come, within this time.
inline constexpr Duration kSendTimeout = std::chrono::minutes(5);

}  // namespace angarium::protocol::imap

// The numbers of the room and the kinds of its errors.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace angarium::mailbox {

/// Names an account within the whole installation; 0 is reserved for what belongs to the tablet itself.
using AccountId = std::uint64_t;
/// Stable name of a mailbox within its account, through renames (RFC 8474 §4.1); never used again.
using MailboxId = std::uint32_t;
/// RFC 9051 §2.3.1.1: 1 … 2^32-1, ascending in a mailbox, never used again under one UIDVALIDITY.
using Uid = std::uint32_t;
/// RFC 7162 §3.1: 1 … 2^63-1. One counter an account serves all its mailboxes; one number a command.
using Modseq = std::uint64_t;
/// Stable name of an email within its account: the same in every mailbox it is in (RFC 8474 §5.1).
using EmailId = std::uint64_t;
/// Stable name of a conversation within its account (RFC 8474 §5.2).
using ThreadId = std::uint64_t;

/// The texts of RFC 8474 for MAILBOXID, EMAILID and THREADID; JMAP uses the same. Those of EMAILID: email_id_text() of
/// email.h.
std::string mailbox_id_text(MailboxId id);
std::string thread_id_text(ThreadId id);

inline constexpr Uid kUidMax = UINT32_MAX;

/// No mailbox of that name or id (IMAP NONEXISTENT, TRYCREATE).
inline constexpr ErrorKind kNoMailbox{"mailbox.no-mailbox", Fault::user, Lasting::permanent};
/// The name is only a place in the hierarchy: it holds no messages (\Noselect).
inline constexpr ErrorKind kNotSelectable{"mailbox.not-selectable", Fault::user, Lasting::permanent};
/// A mailbox of that name exists (ALREADYEXISTS).
inline constexpr ErrorKind kMailboxExists{"mailbox.exists", Fault::user, Lasting::permanent};
/// The name breaks the rules of name.h, or may not be used so (CANNOT).
inline constexpr ErrorKind kBadName{"mailbox.bad-name", Fault::user, Lasting::permanent};
/// The name has inferior names and holds nothing that could be deleted (HASCHILDREN).
inline constexpr ErrorKind kHasChildren{"mailbox.has-children", Fault::user, Lasting::permanent};
/// An annotation's value, or all of somebody's in the account, would be too long (METADATA MAXSIZE).
inline constexpr ErrorKind kMetadataTooLong{"mailbox.metadata-too-long", Fault::user, Lasting::permanent};
/// One more annotation than there may be (METADATA TOOMANY).
inline constexpr ErrorKind kMetadataTooMany{"mailbox.metadata-too-many", Fault::user, Lasting::permanent};
/// Octets that are no keyword (RFC 9051 §9 flag-keyword).
inline constexpr ErrorKind kBadKeyword{"mailbox.bad-keyword", Fault::syntax, Lasting::permanent};
/// A limit of limits.h is reached (LIMIT).
inline constexpr ErrorKind kTooMany{"mailbox.too-many", Fault::user, Lasting::permanent};
/// Another mailbox has that special use (USEATTR).
inline constexpr ErrorKind kUseTaken{"mailbox.use-taken", Fault::user, Lasting::permanent};
/// The account's quota does not allow it (OVERQUOTA; 452 or 552).
inline constexpr ErrorKind kOverQuota{"mailbox.over-quota", Fault::user, Lasting::temporary};
/// The message is no longer there (EXPUNGEISSUED).
inline constexpr ErrorKind kExpunged{"mailbox.expunged", Fault::user, Lasting::permanent};
/// Only the store's pool may go on: the octets are not in memory. Ask again with the blocking call.
inline constexpr ErrorKind kWouldBlock{"mailbox.would-block", Fault::dependency, Lasting::temporary};
/// A stored record does not have the form it was written in.
inline constexpr ErrorKind kDamaged{"mailbox.damaged", Fault::ours, Lasting::permanent};

}  // namespace angarium::mailbox

// The keys of the room: octet 'm', a letter for the kind of record, the account, and what the kind needs. README.md
// draws them. Bytewise order is the order of the numbers.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "mailbox/records.h"
#include "mailbox/types.h"

namespace angarium::mailbox {

/// The second octet of a key.
enum class RecordKind : char {
  account = 'A',       ///< counters that outlive mailboxes; merged
  block = 'B',         ///< 256 messages of a mailbox; merged
  counters = 'C',      ///< counters of a mailbox; merged
  email = 'E',         ///< body, texts, structure
  grave = 'G',         ///< emails to be erased, by time
  message_id = 'H',    ///< hash of message-id and base subject: thread
  keyword = 'K',       ///< a keyword of a mailbox
  change = 'L',        ///< what one MODSEQ changed
  mailbox = 'M',       ///< name, UIDVALIDITY, special use
  metadata = 'N',      ///< an annotation of a mailbox or of the account
  access = 'P',        ///< the access control list of a mailbox: permissions
  quota = 'Q',         ///< limits
  share = 'S',         ///< how many more mailboxes than one an email is in
  thread = 'T',        ///< a later email of a thread
  subscription = 'Y',  ///< a name subscribed to
};

/// A key of fixed parts, built in place.
class Key {
 public:
  explicit Key(RecordKind kind) : octets_{static_cast<char>(kKeyOctet), static_cast<char>(kind)} {}
  Key(RecordKind kind, AccountId account) : Key(kind) { u64(account); }

  Key& u16(std::uint16_t value) { return number(value, 2); }
  Key& u32(std::uint32_t value) { return number(value, 4); }
  Key& u64(std::uint64_t value) { return number(value, 8); }
  operator std::string_view() const { return {octets_.data(), size_}; }  // NOLINT: it is one

 private:
  Key& number(std::uint64_t value, int octets) {
    for (int shift = 8 * (octets - 1); shift >= 0; shift -= 8) octets_[size_++] = static_cast<char>(value >> shift);
    return *this;
  }
  std::array<char, 40> octets_;
  std::size_t size_ = 2;
};

inline Key account_key(AccountId a) { return {RecordKind::account, a}; }
inline Key quota_key(AccountId a) { return {RecordKind::quota, a}; }
inline Key mailbox_key(AccountId a, MailboxId m) { return Key(RecordKind::mailbox, a).u32(m); }
inline Key counters_key(AccountId a, MailboxId m) { return Key(RecordKind::counters, a).u32(m); }
inline Key keyword_key(AccountId a, MailboxId m, std::uint16_t index) {
  return Key(RecordKind::keyword, a).u32(m).u16(index);
}
inline Key block_key(AccountId a, MailboxId m, std::uint32_t number) {
  return Key(RecordKind::block, a).u32(m).u32(number);
}
inline Key email_key(AccountId a, EmailId e) { return Key(RecordKind::email, a).u64(e); }
inline Key change_key(AccountId a, Modseq modseq) { return Key(RecordKind::change, a).u64(modseq); }
inline Key message_id_key(AccountId a, std::uint64_t hash) { return Key(RecordKind::message_id, a).u64(hash); }
inline Key thread_key(AccountId a, ThreadId t, EmailId e) { return Key(RecordKind::thread, a).u64(t).u64(e); }
inline Key share_key(AccountId a, EmailId e) { return Key(RecordKind::share, a).u64(e); }
inline Key access_key(AccountId a, MailboxId m) { return Key(RecordKind::access, a).u32(m); }
/// Annotations of a mailbox, or with mailbox 0 of the account itself.
inline Key metadata_prefix(AccountId a, MailboxId m) { return Key(RecordKind::metadata, a).u32(m); }
inline std::string metadata_key(AccountId a, MailboxId m, AccountId owner, std::string_view name) {
  return std::string(metadata_prefix(a, m).u64(owner)).append(name);
}
inline std::string subscription_key(AccountId a, std::string_view name) {
  return std::string(Key(RecordKind::subscription, a)).append(name);
}
/// Ordered by the time they are due, whatever the account.
inline Key grave_key(std::int64_t due_seconds, AccountId a, Modseq modseq, std::uint32_t part) {
  return Key(RecordKind::grave).u64(static_cast<std::uint64_t>(due_seconds)).u64(a).u64(modseq).u32(part);
}

/// The kind of a key of this room; nothing for keys of others.
inline bool is_kind(std::string_view key, RecordKind kind) {
  return key.size() >= 2 && static_cast<unsigned char>(key[0]) == kKeyOctet && key[1] == static_cast<char>(kind);
}
/// The big-endian number at an offset of a key; 0 beyond its end.
inline std::uint64_t key_number(std::string_view key, std::size_t at, std::size_t octets) {
  std::uint64_t value = 0;
  if (key.size() < at + octets) return 0;
  for (std::size_t i = 0; i < octets; ++i) value = value << 8 | static_cast<unsigned char>(key[at + i]);
  return value;
}
inline constexpr std::size_t kAccountAt = 2;
inline constexpr std::size_t kAfterAccount = 10;
inline constexpr std::size_t kAfterMailbox = 14;
inline constexpr std::size_t kAfterMetadataOwner = 22;

}  // namespace angarium::mailbox

// The values behind the keys: written and read here and nowhere else. Each begins with its version: 1, and 2 of an
// email record that is sealed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mailbox/block.h"
#include "mailbox/mailbox.h"

namespace angarium::mailbox {

/// What must not be used again though the mailboxes that used it are gone. Operand and value are alike; a merge keeps
/// the higher of each.
struct AccountCounters {
  Modseq modseq = 1;
  EmailId email_next = 1;
  MailboxId mailbox_next = 1;
  std::uint32_t uid_validity_next = 1;

  [[nodiscard]] std::string encode() const;
  static Result<AccountCounters> decode(std::string_view octets);
  void merge(const AccountCounters& other);
};

/// Counters of one mailbox. Operand and value are alike; a merge keeps the higher numbers and adds the tally.
struct MailboxCounters {
  Uid uid_next = 1;
  Modseq modseq = 1;
  EmailId email_next = 1;
  Tally tally;

  [[nodiscard]] std::string encode() const;
  static Result<MailboxCounters> decode(std::string_view octets);
  void merge(const MailboxCounters& other);
};

struct MailboxRecord {
  std::string name;
  std::uint32_t uid_validity = 1;
  SpecialUse use = SpecialUse::none;
  bool selectable = true;

  [[nodiscard]] std::string encode() const;
  static Result<MailboxRecord> decode(std::string_view octets);
};

std::string encode_limits(const QuotaLimits& limits);
Result<QuotaLimits> decode_limits(std::string_view octets);

std::string encode_access(const AccessList& list);
Result<AccessList> decode_access(std::string_view octets);

/// What one MODSEQ changed; the MODSEQ is in the key.
struct ChangeRecord {
  std::vector<Change> items;
  /// Emails of expunged items are left out when the record would pass this: JMAP then says it cannot calculate.
  static constexpr std::size_t kSizeMax = 512 * 1024;

  [[nodiscard]] std::string encode() const;
  static Result<ChangeRecord> decode(Modseq modseq, std::string_view octets);
};

/// Email ids, ascending or not.
std::string encode_emails(std::span<const EmailId> emails);
Result<std::vector<EmailId>> decode_emails(std::string_view octets);

/// One number alone.
std::string encode_number(std::uint64_t number);
Result<std::uint64_t> decode_number(std::string_view octets);

/// What an email record is made of; `body` is written by the committer at kBodyRefAt when the body travels in the
/// batch.
std::string encode_email(const EmailView& email);
/// What is sealed of one whose `sealed` is to be made, and what that tells of it.
std::string encode_private(const EmailView& email);
Result<> decode_private(std::string_view octets, EmailView& email);
inline constexpr std::size_t kBodyRefAt = 1;

}  // namespace angarium::mailbox

// One stored email: what is known of it without its octets, and where those are.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "keyring/body.h"
#include "keyring/cipher.h"
#include "mailbox/presentation.h"
#include "mailbox/types.h"
#include "store/body.h"

namespace angarium::mailbox {

/// Ready answers to FETCH (RFC 9051 §7.5.2).
struct ReadyTexts {
  std::string_view envelope;
  std::string_view body;
  std::string_view body_structure;
  friend bool operator==(const ReadyTexts&, const ReadyTexts&) = default;
};

/// Where an email was first, of a copy out of another account: its EMAILID is told by this (RFC 8474 §5.1).
struct Origin {
  AccountId account = 0;  ///< 0: the account it is in, to which it came back
  EmailId email = 0;
  friend bool operator==(const Origin&, const Origin&) = default;
};

/// An email of an account, the same in every mailbox it is in. Its octets are `prepended` and then the presented body;
/// the views look into the record it was read from. Immutable.
struct EmailView {
  EmailId id = 0;
  ThreadId thread = 0;
  std::int64_t received = 0;  ///< seconds since 1970
  std::uint32_t size = 0;     ///< prepended octets + presented body: RFC822.SIZE, BODY[] and RETR
  /// The same for readers without UTF-8, where their form differs (message/ascii_form.h).
  std::optional<std::uint32_t> ascii_size;
  store::BodyRef body;
  std::string_view prepended;  ///< trace fields in front of the body, with CRLF
  bool ready = false;          ///< the texts are there; false: too large to keep, make them from the structure
  ReadyTexts ascii;            ///< message::ImapForm::ascii
  ReadyTexts utf8;             ///< message::ImapForm::utf8; the same octets where there is no difference
  /// message::thread_references(); nothing: not stored, read the header.
  std::optional<std::string_view> references;
  /// message::preview(); nothing: not stored, read the message.
  std::optional<std::string_view> preview;
  std::optional<Origin> origin;
  std::string_view structure;     ///< message::deserialize(): offsets in the presented body, without `prepended`
  std::string_view presentation;  ///< Presentation::decode()
  std::string_view thread_keys;   ///< the message-id keys this email put into the account's table
  std::string_view body_key;      ///< what the body is sealed by (keyring/body.h); empty: it lies there as it came
  /// Of a record that is sealed: what of it is hidden (record_opener.h). All but id, thread, received, size, body and
  /// thread_keys is in it, and not here before it was opened.
  std::string_view sealed;

  /// Octets of the body as it came.
  [[nodiscard]] std::uint64_t body_length() const {
    return body_key.empty() ? body.length : keyring::plain_size(body.length).value_or(0);
  }
};

/// The same, owning its record.
class Email {
 public:
  explicit Email(std::string record) : record_(std::move(record)) {}
  Email(const Email&) = delete;
  Email& operator=(const Email&) = delete;
  ~Email() { keyring::wipe(opened_); }
  /// Of a record that is not sealed; for others there is RecordOpener. kDamaged if the octets are no email record.
  static Result<std::shared_ptr<const Email>> make(EmailId id, std::string record);

  const EmailView* operator->() const { return &view_; }
  [[nodiscard]] const EmailView& view() const { return view_; }
  /// As it is stored.
  [[nodiscard]] std::string_view record() const { return record_; }
  [[nodiscard]] const Presentation& presentation() const { return presentation_; }
  /// From `offset` of prepended fields and presented body to the end of the piece of the body that lies there: who
  /// reads a message from its beginning to its end, piece by piece, reads and verifies each chunk of the store once,
  /// and what it read is sent while the processor's cache still has it. May go beyond the message's end.
  [[nodiscard]] std::uint64_t piece_from(std::uint64_t offset) const;

 private:
  friend class RecordOpener;
  std::string record_;
  std::string opened_;  // what was sealed of it
  EmailView view_;
  Presentation presentation_;
};
using EmailPtr = std::shared_ptr<const Email>;

/// What ids of one account have behind them where those of several are told: letters and digits.
std::string account_key_text(AccountId account);
/// EMAILID (RFC 8474 §5.1) as its own account sees it. With that account's key behind it, unless it has one already, it
/// is the same for all copies in all accounts.
std::string email_id_text(const EmailView& email);

/// Reads a stored record without copying it; of one that is sealed what needs no key.
Result<EmailView> decode_email(EmailId id, std::string_view record);

}  // namespace angarium::mailbox

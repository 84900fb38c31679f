// Email records as they are read: those that are sealed are opened on the way.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "keyring/cipher.h"
#include "keyring/keys.h"
#include "mailbox/email.h"
#include "mailbox/types.h"
#include "store/tablet.h"

namespace angarium::mailbox {

/// Opens records of one account, by one cipher as long as they have the same key. One thread at a time.
class RecordOpener {
 public:
  /// `keys` null: sealed records are keyring::kNoServerKey. Tier::memory: kWouldBlock of this room where a key has to
  /// be read first.
  RecordOpener(keyring::Keys* keys, AccountId account, store::Tier tier)
      : keys_(keys), account_(account), tier_(tier) {}

  /// The views look into `record`, and into `opened`, which is written over. kDamaged; keyring's errors, all of them
  /// temporary.
  Result<EmailView> read(EmailId id, std::string_view record, std::string& opened);
  /// The same, owning its record.
  Result<EmailPtr> email(EmailId id, std::string record);
  /// A sealed record with its private part sealed by another key; nothing else of it is other than before. kDamaged;
  /// keyring's errors.
  Result<std::string> seal_anew(EmailId id, std::string_view record, const keyring::NamedKey& by);

 private:
  Result<> open(EmailId id, std::string_view sealed, std::string& opened);

  keyring::Keys* const keys_;
  const AccountId account_;
  const store::Tier tier_;
  keyring::KeyId key_ = 0;
  std::optional<keyring::Cipher> cipher_;  // by that key
};

/// The account's key by which an email is sealed; nothing: it is not.
std::optional<keyring::KeyId> key_of(const EmailView& email);

/// The private part of an email record (EmailView::sealed), sealed by an account's key: all that is not needed to
/// sweep, to empty the grave and to verify without a key.
Result<std::string> seal_private(const EmailView& email, AccountId account, const keyring::NamedKey& by);

}  // namespace angarium::mailbox

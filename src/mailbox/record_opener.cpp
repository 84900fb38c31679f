#include "mailbox/record_opener.h"

#include <algorithm>
#include <array>

#include "mailbox/body_reader.h"
#include "mailbox/codec.h"
#include "mailbox/record.h"

namespace angarium::mailbox {
namespace {

/// What a private part belongs to: it opens nowhere else. Three numbers, the highest octet first; made for each record
/// of a scan, so it allocates nothing.
class About {
 public:
  About(AccountId account, EmailId email, keyring::KeyId key) {
    char* at = std::ranges::copy(kWords, octets_.data()).out;
    for (const std::uint64_t number : {account, email, key})
      for (int shift = 56; shift >= 0; shift -= 8) *at++ = static_cast<char>(number >> shift & 0xFF);
  }
  [[nodiscard]] std::string_view text() const { return {octets_.data(), octets_.size()}; }

 private:
  static constexpr std::string_view kWords = "angarium email";
  std::array<char, kWords.size() + 3 * sizeof(std::uint64_t)> octets_{};
};

Result<std::string> sealed_by(const keyring::NamedKey& by, std::string_view plain, AccountId account, EmailId email) {
  std::string sealed;
  put_number(sealed, by.id);
  sealed += TRY(keyring::seal(by.key, plain, About(account, email, by.id).text()));
  return sealed;
}

}  // namespace

Result<std::string> seal_private(const EmailView& email, AccountId account, const keyring::NamedKey& by) {
  std::string plain = encode_private(email);
  auto sealed = sealed_by(by, plain, account, email.id);
  keyring::wipe(plain);
  return sealed;
}

std::optional<keyring::KeyId> key_of(const EmailView& email) {
  if (email.sealed.empty()) return std::nullopt;
  return RecordReader(email.sealed).number();
}

Result<> RecordOpener::open(EmailId id, std::string_view sealed, std::string& opened) {
  RecordReader reader(sealed);
  const keyring::KeyId key = reader.number();
  const std::string_view nonce = reader.take(keyring::kNonceOctets);
  if (!reader.ok()) return fail(kDamaged, "a record of an email is damaged");
  if (!cipher_ || key_ != key) {
    if (keys_ == nullptr) return fail(keyring::kNoServerKey, "mail is sealed, and there are no keys");
    auto found = keys_->find(account_, key, tier_);
    if (!found) return std::unexpected(as_ours(std::move(found).error()));
    cipher_.emplace(*found, keyring::Cipher::Direction::open);
    key_ = key;
  }
  opened.clear();
  auto done = cipher_->open(nonce, About(account_, id, key).text(), reader.rest(), opened);
  if (!done && done.error().is(keyring::kNotOpened)) return fail(kDamaged, "a record of an email does not open");
  return done;
}

Result<EmailView> RecordOpener::read(EmailId id, std::string_view record, std::string& opened) {
  EmailView email = TRY(decode_email(id, record));
  if (email.sealed.empty()) return email;
  TRY(open(id, email.sealed, opened));
  TRY(decode_private(opened, email));
  return email;
}

Result<EmailPtr> RecordOpener::email(EmailId id, std::string record) {
  auto email = std::make_shared<Email>(std::move(record));
  email->view_ = TRY(read(id, email->record_, email->opened_));
  email->presentation_ = email->view_.presentation.empty() ? Presentation(email->view_.body_length())
                                                           : TRY(Presentation::decode(email->view_.presentation));
  return email;
}

Result<std::string> RecordOpener::seal_anew(EmailId id, std::string_view record, const keyring::NamedKey& by) {
  const EmailView email = TRY(decode_email(id, record));
  if (email.sealed.empty()) return fail(kDamaged, "a record that is not sealed has no key");
  std::string plain;
  TRY(open(id, email.sealed, plain));
  auto sealed = sealed_by(by, plain, account_, id);
  keyring::wipe(plain);
  // What is sealed stands at the end.
  return std::string(record.substr(0, record.size() - email.sealed.size())) + TRY(std::move(sealed));
}

}  // namespace angarium::mailbox

// The directory's stored values: no octets crash the readers, and what is read is written alike.
#include "account/record.h"

#include <cstdint>
#include <cstdlib>

#include "base/text.h"

using namespace angarium;
using namespace angarium::account;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void check_entry(const Entry& entry) {
  const auto write = [](const auto& value) { return encode(value); };
  const std::string written = std::visit(write, entry);
  const auto again = decode_entry(written);
  require(again.has_value() && again->index() == entry.index() && std::visit(write, *again) == written);
  // A record that is cut short is never taken for a whole one, but for those of before there were keys on demand, codes
  // by time, and other places to read mail.
  std::string oldest;
  std::string older;
  std::string old;
  if (const auto* const account = std::get_if<Account>(&entry)) {
    Account plain = *account;
    plain.moved_to.clear();
    old = encode(plain);
    plain.totp.reset();
    older = encode(plain);
    // What nobody asked for is written where something stands behind it: no keys in eight octets, no codes in one.
    if (plain.credentials.on_demand.wanted == 0) older += std::string(8, '\0');
    if (!account->totp) old = older + '\0';
    plain.credentials.on_demand = {};
    oldest = encode(plain);
  }
  for (std::size_t length = 0; length < written.size() && length < 300; ++length) {
    const std::string_view cut = std::string_view(written).substr(0, length);
    require(cut == oldest || cut == older || cut == old || !decode_entry(cut));
  }
}

void check_app_passwords(const std::vector<AppPassword>& passwords) {
  const std::string written = encode(passwords);
  const auto again = decode_app_passwords(written);
  require(again.has_value() && *again == passwords);
  for (std::size_t length = 0; length < written.size() && length < 300; ++length)
    require(!decode_app_passwords(std::string_view(written).substr(0, length)));
}

/// What people type.
void check_typed(std::string_view text) {
  if (const auto secret = app_password_in(text)) {
    const auto again = app_password_in(secret->view());
    require(again.has_value() && again->view() == secret->view());
  }
  if (const auto both = split_code(text)) {
    require(both->password.size() + 1 + both->code.size() == text.size());
    Totp totp{.secret = std::string(kTotpSecretOctets, 's'), .on = true};
    const Totp before = totp;
    require(take_code(totp, both->code, WallTime::from_seconds(1'700'000'000)) == (totp != before));
  }
}

void check_names(std::string_view text) {
  if (const auto domain = canonical_domain(text))
    require(all_ascii(*domain) && canonical_domain(*domain).value_or("") == *domain);
  if (const auto address = canonical_address(text))
    require(address->size() <= kAddressMax && canonical_address(*address).value_or("") == *address);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  if (const auto entry = decode_entry(octets)) check_entry(*entry);
  if (const auto domain = decode_domain(octets)) {
    const auto again = decode_domain(encode(*domain));
    require(again.has_value() && encode(*again) == encode(*domain));
  }
  if (const auto passwords = decode_app_passwords(octets)) check_app_passwords(*passwords);
  check_typed(octets);
  check_names(octets);
  return 0;
}

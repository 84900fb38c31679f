#include "directory/person/scheme.h"

#include <argon2.h>
#include <crypt.h>

#include <array>
#include <cstring>
#include <memory>

#include "base/text.h"
#include "sasl/prepare.h"

namespace angarium::directory {
namespace {

std::unexpected<Error> unusable(const char* why) { return fail(kUnusablePassword, why); }

/// The number between `name` and the next `end` of a hash's parameters.
std::optional<std::uint32_t> parameter(std::string_view text, std::string_view name, std::string_view ends) {
  const std::size_t at = text.find(name);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view value = text.substr(at + name.size());
  return parse_number<std::uint32_t>(value.substr(0, value.find_first_of(ends)));
}

/// Of the parameters that crypt_gensalt(3) writes: a sign each for the flavour, the logarithm of N and r ("j9T").
/// Longer ones, for an r beyond 48 and for more lanes or passes, are nobody's.
bool is_cheap_yescrypt(std::string_view text) {
  constexpr std::string_view kSigns = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghij";
  const std::string_view parameters = text.substr(0, text.find('$'));
  if (parameters.size() != 3 || parameters.find_first_not_of(kSigns) != std::string_view::npos) return false;
  const std::uint64_t blocks = kSigns.find(parameters[2]) + 1;
  const std::uint64_t octets = (128 * blocks) << (kSigns.find(parameters[1]) + 1);
  return octets <= kYescryptOctetsMax;
}

Result<StoredPassword> parse_crypt(std::string_view text) {
  StoredPassword stored{.kind = StoredPassword::Kind::crypt, .text = std::string(text), .keys = {}};
  if (text.starts_with("$y$")) {
    if (!is_cheap_yescrypt(text.substr(3))) return unusable("a yescrypt hash costs too much");
    return stored;
  }
  if (text.starts_with("$2a$") || text.starts_with("$2b$") || text.starts_with("$2y$")) {
    const auto cost = parse_number<std::uint32_t>(text.substr(4, 2));
    if (!cost || *cost > kBcryptCostMax) return unusable("a bcrypt hash costs too much");
    return stored;
  }
  if (text.starts_with("$5$") || text.starts_with("$6$")) {
    if (text.substr(3).starts_with("rounds=") && parameter(text, "rounds=", "$").value_or(UINT32_MAX) > kShaRoundsMax)
      return unusable("a SHA-2 crypt hash costs too much");
    return stored;
  }
  return unusable("passwords are kept in a form that is not taken here");
}

Result<StoredPassword> parse_argon2(std::string_view text) {
  if (!text.starts_with("$argon2id$")) return unusable("of Argon2 only argon2id is taken here");
  if (parameter(text, "$m=", ",$").value_or(UINT32_MAX) > kArgon2MemoryMax ||
      parameter(text, ",t=", ",$").value_or(UINT32_MAX) > kArgon2PassesMax ||
      parameter(text, ",p=", ",$").value_or(UINT32_MAX) > kArgon2LanesMax)
    return unusable("an Argon2id hash costs too much");
  return StoredPassword{.kind = StoredPassword::Kind::argon2id, .text = std::string(text), .keys = {}};
}

/// Both forms: the signs between the four values differ.
Result<StoredPassword> parse_scram(std::string_view text, sasl::Hash hash, std::string_view signs) {
  std::array<std::string_view, 4> parts;
  for (std::size_t i = 0; i < 3; ++i) {
    const std::size_t at = text.find(signs[i]);
    if (at == std::string_view::npos) return unusable("SCRAM keys are not well formed");
    parts[i] = text.substr(0, at);
    text.remove_prefix(at + 1);
  }
  parts[3] = text;
  const auto iterations = parse_number<std::uint32_t>(parts[0]);
  const auto salt = from_base64(parts[1]);
  const auto stored_key = from_base64(parts[2]);
  const auto server_key = from_base64(parts[3]);
  const std::size_t size = hash == sasl::Hash::sha1 ? 20 : 32;
  if (!iterations || !salt || salt->empty() || salt->size() > sasl::kSaltMax || !stored_key || !server_key ||
      stored_key->size() != size || server_key->size() != size)
    return unusable("SCRAM keys are not well formed");
  if (*iterations < sasl::kStoredIterationsMin || *iterations > sasl::kStoredIterationsMax)
    return unusable("SCRAM keys have too few or too many iterations");
  return StoredPassword{.kind = StoredPassword::Kind::scram,
                        .text = {},
                        .keys = {.hash = hash,
                                 .iterations = *iterations,
                                 .salt = *salt,
                                 .stored_key = *stored_key,
                                 .server_key = *server_key}};
}

Result<StoredPassword> parse_scheme(std::string_view scheme, std::string_view text, PlainPasswords plain) {
  if (scheme == "CRYPT" || scheme == "BLF-CRYPT" || scheme == "SHA512-CRYPT" || scheme == "SHA256-CRYPT")
    return parse_crypt(text);
  if (scheme == "ARGON2ID") return parse_argon2(text);
  if (scheme == "SCRAM-SHA-1") return parse_scram(text, sasl::Hash::sha1, ",,,");
  if (scheme == "SCRAM-SHA-256") return parse_scram(text, sasl::Hash::sha256, ",,,");
  if (scheme == "PLAIN" || scheme == "CLEARTEXT") {
    if (plain == PlainPasswords::refused) return unusable("passwords lie there as they are: plain_passwords is false");
    if (text.empty()) return StoredPassword{};
    return StoredPassword{.kind = StoredPassword::Kind::plain, .text = std::string(text), .keys = {}};
  }
  return unusable("passwords are kept in a form that is not taken here");
}

Result<bool> matches_crypt(const std::string& hash, std::string_view password) {
  // crypt(3) would stop at it.
  if (password.find('\0') != std::string_view::npos) return false;
  const auto data = std::make_unique<crypt_data>();  // some 32 KiB
  std::string text(password);
  const char* const made = crypt_rn(text.c_str(), hash.c_str(), data.get(), sizeof(crypt_data));
  wipe(text);
  const bool known = made != nullptr && made[0] != '*';
  const bool right = known && equal_constant_time(made, hash);
  explicit_bzero(data.get(), sizeof(crypt_data));
  if (!known) return unusable("crypt(3) does not know a hash");
  return right;
}

}  // namespace

Result<StoredPassword> parse_stored(std::string_view value, PlainPasswords plain) {
  // As passwd -l and useradd lock.
  if (value.empty() || value.front() == '!' || value.front() == '*') return StoredPassword{};
  if (value.find('\0') != std::string_view::npos) return unusable("a stored password holds a NUL");
  if (value.front() == '{') {
    const std::size_t close = value.find('}');
    if (close == std::string_view::npos) return unusable("passwords are kept in a form that is not taken here");
    return parse_scheme(to_upper(value.substr(1, close - 1)), value.substr(close + 1), plain);
  }
  if (value.starts_with("$argon2")) return parse_argon2(value);
  if (constexpr std::string_view kPostgres = "SCRAM-SHA-256$"; value.starts_with(kPostgres))
    return parse_scram(value.substr(kPostgres.size()), sasl::Hash::sha256, ":$:");
  return parse_crypt(value);
}

Result<bool> matches(const StoredPassword& stored, std::string_view password) {
  if (password.empty()) return false;
  switch (stored.kind) {
    case StoredPassword::Kind::none: break;
    case StoredPassword::Kind::plain: {
      // The other one has been prepared, too (RFC 4013).
      const auto prepared = sasl::prepare(stored.text, sasl::kPasswordMax);
      return prepared && equal_constant_time(*prepared, password);
    }
    case StoredPassword::Kind::crypt: return matches_crypt(stored.text, password);
    case StoredPassword::Kind::argon2id: {
      const int code = argon2id_verify(stored.text.c_str(), password.data(), password.size());
      if (code == ARGON2_MEMORY_ALLOCATION_ERROR) return fail(kOutOfMemory, "for Argon2id");
      if (code != ARGON2_OK && code != ARGON2_VERIFY_MISMATCH) return unusable("an Argon2id hash is not well formed");
      return code == ARGON2_OK;
    }
    case StoredPassword::Kind::scram: {
      const auto keys = sasl::scram_keys(password, stored.keys.salt, stored.keys.iterations, stored.keys.hash);
      return keys && equal_constant_time(keys->stored_key, stored.keys.stored_key);
    }
  }
  return false;
}

}  // namespace angarium::directory

#include "sasl/ntlm_keys.h"

#include "base/text.h"
#include "sasl/crypto.h"
#include "sasl/keys.h"
#include "sasl/legacy.h"
#include "sasl/prepare.h"
#include "sasl/utf16.h"

namespace angarium::sasl {

Result<Secret> nt_hash(std::string_view password) {
  const Secret prepared(TRY(prepare(password, kPasswordMax)));
  auto wide = to_utf16(prepared.view());
  if (!wide) return fail(kMalformed, "the password is not UTF-8");
  const Secret secret(*std::move(wide));
  return Secret(TRY(md4(secret.view())));
}

Result<Secret> ntlm_response_key(std::string_view nt_hash, std::string_view user, std::string_view domain) {
  return Secret(TRY(hmac_md5(nt_hash, upper_utf16(user) + std::string(domain))));
}

std::string ntlm_blob(std::uint64_t file_time, std::string_view client_challenge, std::string_view av_pairs) {
  return std::string("\1\1\0\0\0\0\0\0", 8) + little_endian(file_time, 8) + std::string(client_challenge) +
         std::string(4, '\0') + std::string(av_pairs);
}

Result<std::string> ntlm_proof(std::string_view response_key, std::string_view server_challenge,
                               std::string_view blob) {
  return hmac_md5(response_key, std::string(server_challenge) + std::string(blob));
}

Result<Secret> ntlm_session_key(std::string_view response_key, std::string_view proof) {
  return Secret(TRY(hmac_md5(response_key, proof)));
}

Result<std::string> ntlm_mic(std::string_view session_key, std::string_view negotiate, std::string_view challenge,
                             std::string authenticate) {
  authenticate.replace(kNtlmMicOffset, kNtlmKeyOctets, kNtlmKeyOctets, '\0');
  return hmac_md5(session_key, std::string(negotiate) + std::string(challenge) + authenticate);
}

std::uint64_t to_file_time(WallTime time) {
  constexpr std::int64_t kEpochSeconds = 11'644'473'600;  // from 1601 to 1970
  return static_cast<std::uint64_t>((time.microseconds + kEpochSeconds * 1'000'000) * 10);
}

}  // namespace angarium::sasl

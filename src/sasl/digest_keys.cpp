#include "sasl/digest_keys.h"

#include "base/text.h"
#include "sasl/crypto.h"
#include "sasl/keys.h"
#include "sasl/prepare.h"

namespace angarium::sasl {

Result<Secret> digest_user_key(std::string_view name, std::string_view realm, std::string_view password) {
  std::string text = to_latin1(name).value_or(std::string(name));
  text.reserve(text.size() + realm.size() + password.size() + 2);  // growing would leave a copy of the password behind
  text += ':';
  text += to_latin1(realm).value_or(std::string(realm));
  text += ':';
  const Secret encoded(to_latin1(password).value_or(std::string(password)));
  text += encoded.view();
  const Secret secret(std::move(text));
  return Secret(TRY(md5(secret.view())));
}

Result<Secret> digest_md5_key(std::string_view name, std::string_view realm, std::string_view password) {
  const std::string prepared_name = TRY(prepare_name(name));
  const Secret prepared(TRY(prepare(password, kPasswordMax)));
  return digest_user_key(prepared_name, realm, prepared.view());
}

Result<Secret> digest_session_key(std::string_view user_key, const DigestResponse& response) {
  std::string a1(user_key);
  a1 += ':' + response.nonce + ':' + response.cnonce;
  if (response.authorization_id) a1 += ':' + *response.authorization_id;
  const Secret secret(std::move(a1));
  return Secret(TRY(md5(secret.view())));
}

Result<std::string> digest_value(std::string_view session_key, const DigestResponse& response, DigestSide proves) {
  std::string a2 = proves == DigestSide::client ? "AUTHENTICATE:" : ":";
  a2 += response.digest_uri;
  if (!equals_ignore_case(response.qop, qop_name(Protection::none))) a2 += ':' + std::string(32, '0');
  const Secret key(to_hex(session_key));
  std::string text(key.view());
  text += ':' + response.nonce + ':' + response.nonce_count + ':' + response.cnonce + ':' + response.qop + ':' +
          to_hex(TRY(md5(a2)));
  const Secret secret(std::move(text));
  return to_hex(TRY(md5(secret.view())));
}

}  // namespace angarium::sasl

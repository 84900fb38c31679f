#include "sasl/digest_message.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "sasl/layer.h"

namespace angarium::sasl {
namespace {

std::unexpected<Error> malformed(std::string text) { return fail(kMalformed, "DIGEST-MD5: " + std::move(text)); }

constexpr std::array kCiphers = {DigestCipher::des3, DigestCipher::rc4, DigestCipher::des};
constexpr std::array kQops = {Protection::none, Protection::integrity, Protection::confidentiality};

bool is_lws(char c) { return is_wsp(c) || c == '\r' || c == '\n'; }
bool is_token_char(char c) {
  constexpr std::string_view separators = "()<>@,;:\\\"/[]?={} \t";
  return is_ascii(c) && !is_control(c) && separators.find(c) == std::string_view::npos;
}

struct Directive {
  std::string name;  ///< lower case
  std::string value;
};

/// Reads 1#directive: token "=" (token | quoted-string), commas and white space at will between them.
class Directives {
 public:
  explicit Directives(std::string_view text) : rest_(text) {}

  Result<std::vector<Directive>> all() {
    std::vector<Directive> result;
    for (;;) {
      while (!rest_.empty() && (rest_.front() == ',' || is_lws(rest_.front()))) rest_.remove_prefix(1);
      if (rest_.empty()) break;
      if (result.size() == kDirectivesMax) return malformed("too many directives");
      Directive directive;
      directive.name = to_lower(token());
      skip_lws();
      if (directive.name.empty() || !rest_.starts_with('=')) return malformed("a directive without a name or a value");
      rest_.remove_prefix(1);
      skip_lws();
      directive.value = TRY(value());
      skip_lws();
      if (!rest_.empty() && rest_.front() != ',') return malformed("something follows a directive");
      result.push_back(std::move(directive));
    }
    if (result.empty()) return malformed("a message without directives");
    return result;
  }

 private:
  void skip_lws() {
    while (!rest_.empty() && is_lws(rest_.front())) rest_.remove_prefix(1);
  }
  std::string_view token() {
    std::size_t end = 0;
    while (end < rest_.size() && is_token_char(rest_[end])) ++end;
    const std::string_view result = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return result;
  }
  Result<std::string> value() {
    if (!rest_.starts_with('"')) {
      const std::string_view text = token();
      // A client of the wild leaves out the quotation marks of digest-uri.
      if (text.empty()) return malformed("a directive with an empty value");
      return std::string(text);
    }
    rest_.remove_prefix(1);
    std::string result;
    while (!rest_.empty() && rest_.front() != '"') {
      if (rest_.front() == '\\') rest_.remove_prefix(1);
      if (rest_.empty() || rest_.front() == '\0') return malformed("a quoted string that does not end, or has a NUL");
      result += rest_.front();
      rest_.remove_prefix(1);
    }
    if (rest_.empty()) return malformed("a quoted string that does not end");
    rest_.remove_prefix(1);
    return result;
  }
  std::string_view rest_;
};

/// One message's directives, asked for by name.
class Found {
 public:
  explicit Found(std::vector<Directive> directives) : directives_(std::move(directives)) {}
  /// At most once.
  Result<std::optional<std::string>> optional(std::string_view name) const {
    std::optional<std::string> result;
    for (const Directive& one : directives_) {
      if (one.name != name) continue;
      if (result) return malformed("the directive " + std::string(name) + " stands there twice");
      result = one.value;
    }
    return result;
  }
  Result<std::string> require(std::string_view name) const {
    auto value = TRY(optional(name));
    if (!value) return malformed("the directive " + std::string(name) + " is missing");
    return *std::move(value);
  }
  [[nodiscard]] std::vector<std::string> every(std::string_view name) const {
    std::vector<std::string> result;
    for (const Directive& one : directives_)
      if (one.name == name) result.push_back(one.value);
    return result;
  }

 private:
  std::vector<Directive> directives_;
};

Result<std::uint32_t> maxbuf(const Found& found) {
  const auto text = TRY(found.optional("maxbuf"));
  if (!text) return 65'536;
  const auto number = parse_number<std::uint32_t>(*text);
  if (!number || *number < kMaxbufMin || *number > kLayerBufferCeiling) return malformed("maxbuf is out of bounds");
  return *number;
}

Result<Charset> charset(const Found& found) {
  const auto text = TRY(found.optional("charset"));
  if (!text) return Charset::latin1;
  if (!equals_ignore_case(*text, "utf-8")) return malformed("a charset that is not UTF-8");
  return Charset::utf8;
}

DigestCipher cipher_of(std::string_view name) {
  const auto found =
      std::ranges::find_if(kCiphers, [&](DigestCipher c) { return equals_ignore_case(cipher_name(c), name); });
  return found == kCiphers.end() ? DigestCipher::none : *found;
}

std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

/// 1#token within a quoted string.
std::vector<std::string_view> list_of(std::string_view text) {
  std::vector<std::string_view> result;
  while (!text.empty())
    if (const std::string_view one = trim(take_until(text, ',')); !one.empty()) result.push_back(one);
  return result;
}

}  // namespace

std::string_view cipher_name(DigestCipher cipher) {
  switch (cipher) {
    case DigestCipher::none: return "";
    case DigestCipher::des3: return "3des";
    case DigestCipher::rc4: return "rc4";
    case DigestCipher::des: return "des";
  }
  return {};
}

std::string_view qop_name(Protection protection) {
  switch (protection) {
    case Protection::none: return "auth";
    case Protection::integrity: return "auth-int";
    case Protection::confidentiality: return "auth-conf";
  }
  return {};
}

std::optional<Protection> qop_of(std::string_view name) {
  const auto found = std::ranges::find_if(kQops, [&](Protection p) { return equals_ignore_case(qop_name(p), name); });
  return found == kQops.end() ? std::nullopt : std::optional(*found);
}

Result<DigestChallenge> parse_digest_challenge(std::string_view text) {
  if (text.size() > kDigestChallengeMax) return fail(kTooLong, "DIGEST-MD5: the challenge is too long");
  const Found found(TRY(Directives(text).all()));
  DigestChallenge challenge;
  challenge.realms = found.every("realm");
  challenge.nonce = TRY(found.require("nonce"));
  if (!equals_ignore_case(TRY(found.require("algorithm")), "md5-sess")) return malformed("the algorithm is unknown");
  challenge.maxbuf = TRY(maxbuf(found));
  challenge.charset = TRY(charset(found));
  TRY(found.optional("stale"));
  const auto qops = TRY(found.optional("qop"));
  for (const std::string_view one : list_of(qops.value_or("auth")))
    if (const auto qop = qop_of(one)) challenge.qops.push_back(*qop);
  if (challenge.qops.empty()) return malformed("the challenge has no quality of protection that we know");
  const auto ciphers = TRY(found.optional("cipher"));
  for (const std::string_view one : list_of(ciphers.value_or("")))
    if (const auto cipher = cipher_of(one); cipher != DigestCipher::none) challenge.ciphers.push_back(cipher);
  return challenge;
}

Result<DigestResponse> parse_digest_response(std::string_view text) {
  if (text.size() > kDigestResponseMax) return fail(kTooLong, "DIGEST-MD5: the response is too long");
  const Found found(TRY(Directives(text).all()));
  DigestResponse response;
  response.username = TRY(found.require("username"));
  response.realm = TRY(found.optional("realm")).value_or("");
  response.nonce = TRY(found.require("nonce"));
  response.cnonce = TRY(found.require("cnonce"));
  response.nonce_count = TRY(found.require("nc"));
  response.qop = TRY(found.optional("qop")).value_or("auth");
  response.digest_uri = TRY(found.require("digest-uri"));
  response.response = TRY(found.require("response"));
  response.maxbuf = TRY(maxbuf(found));
  response.charset = TRY(charset(found));
  response.authorization_id = TRY(found.optional("authzid"));
  if (const auto cipher = TRY(found.optional("cipher"))) {
    response.cipher = cipher_of(*cipher);
    if (response.cipher == DigestCipher::none) return malformed("a cipher that was not offered");
  }
  return response;
}

Result<std::string> parse_response_auth(std::string_view text) {
  if (text.size() > kDigestChallengeMax) return fail(kTooLong, "DIGEST-MD5: the server's proof is too long");
  return Found(TRY(Directives(text).all())).require("rspauth");
}

std::string write_digest_challenge(const DigestChallenge& challenge) {
  std::string text;
  for (const std::string& realm : challenge.realms) text += "realm=" + quoted(realm) + ',';
  text += "nonce=" + quoted(challenge.nonce) + ",qop=\"";
  std::string_view comma;
  for (const Protection qop : challenge.qops) {
    text += std::string(comma) + std::string(qop_name(qop));
    comma = ",";
  }
  text += "\",algorithm=md5-sess";
  if (challenge.charset == Charset::utf8) text += ",charset=utf-8";
  if (challenge.qops.size() > 1) text += ",maxbuf=" + std::to_string(challenge.maxbuf);
  if (challenge.ciphers.empty()) return text;
  text += ",cipher=\"";
  comma = {};
  for (const DigestCipher cipher : challenge.ciphers) {
    text += std::string(comma) + std::string(cipher_name(cipher));
    comma = ",";
  }
  return text + '"';
}

std::string write_digest_response(const DigestResponse& response) {
  std::string text;
  if (response.charset == Charset::utf8) text += "charset=utf-8,";
  text += "username=" + quoted(response.username);
  if (!response.realm.empty()) text += ",realm=" + quoted(response.realm);
  text += ",nonce=" + quoted(response.nonce) + ",nc=" + response.nonce_count + ",cnonce=" + quoted(response.cnonce) +
          ",digest-uri=" + quoted(response.digest_uri) + ",qop=" + response.qop;
  if (response.qop != "auth") text += ",maxbuf=" + std::to_string(response.maxbuf);
  if (response.cipher != DigestCipher::none) text += ",cipher=" + std::string(cipher_name(response.cipher));
  if (response.authorization_id) text += ",authzid=" + quoted(*response.authorization_id);
  // Last, so that a message cut anywhere is none.
  return text + ",response=" + response.response;
}

std::optional<std::string> to_latin1(std::string_view utf8) {
  std::string result;
  for (std::size_t i = 0; i < utf8.size(); ++i) {
    const auto lead = static_cast<unsigned char>(utf8[i]);
    if (lead < 0x80) {
      result += utf8[i];
    } else if ((lead == 0xC2 || lead == 0xC3) && i + 1 < utf8.size()) {
      result += static_cast<char>((lead & 3U) << 6U | (static_cast<unsigned char>(utf8[++i]) & 0x3FU));
    } else {
      return std::nullopt;
    }
  }
  return result;
}

std::string from_latin1(std::string_view text) {
  std::string result;
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet >= 0x80) result += static_cast<char>(0xC0U | octet >> 6U);
    result += static_cast<char>(octet < 0x80 ? octet : 0x80U | (octet & 0x3FU));
  }
  return result;
}

}  // namespace angarium::sasl

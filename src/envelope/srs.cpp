#include "envelope/srs.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.h"

namespace angarium::envelope {
namespace {

constexpr std::string_view kFirst = "SRS0";
constexpr std::string_view kNext = "SRS1";
constexpr std::size_t kTag = 4;
constexpr char kSeparator = '=';
constexpr std::string_view kBase32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Days are counted modulo this: two letters.
constexpr std::int64_t kDayCycle = 1024;

bool has_tag(std::string_view local_part, std::string_view tag) {
  // libsrs2 reads all three as separators behind the tag.
  return local_part.size() > kTag && equals_ignore_case(local_part.substr(0, kTag), tag) &&
         std::string_view("=+-").find(local_part[kTag]) != std::string_view::npos;
}

std::int64_t day(WallTime now) { return now.seconds() / 86'400 % kDayCycle; }

std::string day_text(WallTime now) {
  const auto number = static_cast<std::size_t>(day(now));
  return {kBase32[number >> 5], kBase32[number & 31]};
}

std::optional<std::int64_t> parse_day(std::string_view text) {
  if (text.size() != 2) return std::nullopt;
  const std::size_t high = kBase32.find(to_upper(text[0]));
  const std::size_t low = kBase32.find(to_upper(text[1]));
  if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
  return static_cast<std::int64_t>(high << 5 | low);
}

/// The first letters of the HMAC-SHA1 in base64; of the text in lower case.
std::string hash_of(const std::string& key, std::string_view text) {
  const std::string lower = to_lower(text);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  HMAC(EVP_sha1(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(lower.data()),
       lower.size(), digest.data(), &size);
  std::string letters;
  for (std::size_t i = 0; i < kSrsHashLetters; ++i) {
    const std::size_t bit = i * 6;
    const unsigned pair = static_cast<unsigned>(digest[bit / 8]) << 8 | digest[bit / 8 + 1];
    letters += kBase64[pair >> (10 - bit % 8) & 63];
  }
  return letters;
}

/// What stands before the next separator; `rest` is left with what follows it. Nothing without one.
std::optional<std::string_view> take_part(std::string_view& rest) {
  const std::size_t end = rest.find(kSeparator);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return part;
}

Error forged() { return {kForgedSrs, "the address was not made by this host"}; }

}  // namespace

bool is_srs(std::string_view local_part) { return has_tag(local_part, kFirst) || has_tag(local_part, kNext); }

bool Srs::is_ours(std::string_view hash, std::string_view signed_text) const {
  const std::string given = to_lower(hash);
  bool found = false;
  for (const std::string& key : keys_) found |= equal_constant_time(given, to_lower(hash_of(key, signed_text)));
  return found;
}

Result<Mailbox> Srs::forward(const Mailbox& sender, WallTime now) const {
  const std::string& local = sender.local_part;
  std::string made;
  std::string host = sender.domain;
  std::string inner;  // of an address that another hop has made: what stands behind its tag
  if (has_tag(local, kFirst)) {
    inner = local.substr(kTag);
  } else if (has_tag(local, kNext)) {
    std::string_view rest = std::string_view(local).substr(kTag + 1);
    const auto hash = take_part(rest);
    const auto hop = hash ? take_part(rest) : std::nullopt;
    // One that is none of the known kind is a local part like any other.
    if (hop && !hop->empty() && !rest.empty()) {
      host = *hop;
      inner = rest;
    }
  }
  if (!inner.empty()) {
    made =
        std::string(kNext) + kSeparator + hash_of(keys_.front(), host + inner) + kSeparator + host + kSeparator + inner;
  } else {
    const std::string time = day_text(now);
    made = std::string(kFirst) + kSeparator + hash_of(keys_.front(), time + host + local) + kSeparator + time +
           kSeparator + host + kSeparator + local;
  }
  if (made.size() > kSrsLocalPartMax) return fail(kSrsTooLong, "the rewritten sender would be too long");
  return Mailbox{.local_part = std::move(made), .domain = domain_};
}

Result<Mailbox> Srs::reverse(std::string_view local_part, WallTime now) const {
  if (!is_srs(local_part)) return std::unexpected(forged());
  const bool first = has_tag(local_part, kFirst);
  std::string_view rest = local_part.substr(kTag + 1);
  const auto hash = take_part(rest);
  if (!hash) return std::unexpected(forged());
  if (!first) {
    const auto host = take_part(rest);
    if (!host || host->empty() || rest.empty() || !is_ours(*hash, std::string(*host) + std::string(rest)))
      return std::unexpected(forged());
    return Mailbox{.local_part = std::string(kFirst) + std::string(rest), .domain = std::string(*host)};
  }
  const auto time = take_part(rest);
  const auto host = time ? take_part(rest) : std::nullopt;
  if (!host || host->empty() || rest.empty()) return std::unexpected(forged());
  if (!is_ours(*hash, std::string(*time) + std::string(*host) + std::string(rest))) return std::unexpected(forged());
  const auto then = parse_day(*time);
  if (!then) return std::unexpected(forged());
  if ((day(now) - *then + kDayCycle) % kDayCycle > kSrsDays)
    return fail(kExpiredSrs, "the address is older than " + std::to_string(kSrsDays) + " days");
  return Mailbox{.local_part = std::string(rest), .domain = std::string(*host)};
}

}  // namespace angarium::envelope

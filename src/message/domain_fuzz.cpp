// Domain names: every form of one is one key, what is made for DNS is valid, and literals are read back.
#include "message/domain.h"

#include <cstdint>
#include <cstdlib>

#include "base/text.h"

using namespace angarium;
using namespace angarium::message;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void check_domain(std::string_view domain) {
  const std::string key = domain_key(domain);
  require(domain_key(key) == key);
  require(same_domain(domain, key));
  if (const auto ascii = domain_to_ascii(domain)) {
    require(all_ascii(*ascii) && ascii->size() <= kDomainMax);
    require(domain_to_ascii(*ascii) == *ascii);
    // What is shown may be no domain any more, but never is another one.
    const auto back = domain_to_ascii(domain_to_unicode(*ascii));
    require(!back || *back == *ascii);
  }
  if (valid_domain(domain)) {
    require(valid_domain(domain, Utf8::accept));
    require(all_ascii(domain) && domain.size() <= kDomainMax);
  }
  if (valid_domain(domain, Utf8::accept)) require(valid_utf8(domain));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_domain(text);
  if (const auto literal = parse_address_literal(text); literal && literal->kind != AddressLiteral::Kind::general) {
    const std::string written = format_address_literal(*literal);
    const auto again = parse_address_literal(written);
    require(again && again->kind == literal->kind && again->octets == literal->octets);
    require(format_address_literal(*again) == written);
  }
  return 0;
}

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "envelope/parameters.h"

using namespace angarium::envelope;

// Parameters that are accepted are written in a form that gives the same parameters again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const PathOptions options{.utf8 = Utf8::accept};
  if (const auto mail = parse_mail_parameters(text, options)) {
    const auto again = parse_mail_parameters(format_parameters(*mail), options);
    // Encoding may make an ENVID longer than it may be.
    if (!again && !mail->envelope_id) std::abort();
    if (again && *again != *mail) std::abort();
  }
  if (const auto rcpt = parse_rcpt_parameters(text, options)) {
    const auto again = parse_rcpt_parameters(format_parameters(*rcpt, Utf8::accept), options);
    if (!again && !rcpt->original) std::abort();
    if (again && *again != *rcpt) std::abort();
  }
  return 0;
}

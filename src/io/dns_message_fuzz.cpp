// Answers of the DNS: no octets lead beyond the message, past a limit, or to an outcome that contradicts itself.
#include "io/dns_message.h"

#include <cstdint>
#include <cstdlib>

using namespace angarium;
using namespace angarium::io;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view message(reinterpret_cast<const char*>(data), size);
  for (const auto type : {RecordType::a, RecordType::cname, RecordType::ptr, RecordType::mx, RecordType::txt,
                          RecordType::aaaa, RecordType::srv, RecordType::tlsa}) {
    const auto answer = read_answer(message, type);
    require(answer.temporary() == (answer.trouble != Trouble::none));
    require((answer.outcome == Outcome::records) == !answer.records.empty());
    require(answer.records.size() <= kRecordsMax && answer.aliases.size() <= kAliasesMax);
    require(!answer.secure());
  }
  return 0;
}

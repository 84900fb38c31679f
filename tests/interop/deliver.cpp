// deliver TARGET FILE...: delivers each file, a message with CR LF line ends, to the target, one after the other. Exit
// 0 when all were delivered, 75 when one was not yet, 69 when one will not be.
#include <fmt/format.h>
#include <sysexits.h>

#include <cstdio>
#include <fstream>
#include <iterator>

#include "delivery/delivery.h"

using namespace angarium;
using namespace angarium::delivery;

int main(int count, char** words) {
  if (count < 2) return EX_USAGE;
  const Result<Target> target = parse_target(words[1]);
  if (!target) {
    fmt::print(stderr, "{}\n", target.error().text());
    return EX_USAGE;
  }
  for (int i = 2; i < count; ++i) {
    std::ifstream file(words[i], std::ios::binary);
    if (!file) return EX_NOINPUT;
    const std::string message{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    OctetsInMemory octets(message);
    const Letter letter{.reverse_path = {.mailbox = envelope::Mailbox{.local_part = "us", .domain = "interop.test"}},
                        .recipient = {.local_part = "anna", .domain = "interop.test"},
                        .received = system_clock().wall(),
                        .message = octets};
    const Outcome outcome = deliver(*target, letter);
    if (outcome.delivered()) continue;
    fmt::print(stderr, "{} {}\n", outcome.status.text(), outcome.words);
    return outcome.temporary() ? EX_TEMPFAIL : EX_UNAVAILABLE;
  }
  return 0;
}

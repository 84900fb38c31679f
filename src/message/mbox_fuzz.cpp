// The first octets say how the input is read and cut. Cuts must not matter; what was read is written, and read again it
// is the same.
#include <cstdlib>

#include "message/mbox.h"
#include "message/mbox_test.h"

using namespace angarium::message;
using namespace angarium::message::test;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t step = data[1] % 61 + 1;
  const std::string_view input(reinterpret_cast<const char*>(data) + 2, size - 2);
  const MboxReadOptions options{.variant = static_cast<MboxVariant>(data[0] & 3),
                                .line_ends = static_cast<MboxLineEnds>(data[0] >> 2 & 1),
                                .state_fields = static_cast<MboxStateFields>(data[0] >> 3 & 1),
                                .separators = static_cast<MboxSeparators>(data[0] >> 4 & 1)};
  const Lookahead lookahead = (data[0] >> 5 & 1) != 0 ? Lookahead::file : Lookahead::none;
  const auto messages = split(input, options, std::string_view::npos, lookahead);
  if (!same(split(input, options, step, lookahead), messages)) std::abort();

  const MboxWriteOptions exact{.line_ends = MboxLineEnds::kept, .state_fields = MboxStateFields::kept};
  std::string file;
  for (const SplitMessage& message : messages) {
    const std::string one = write(message.octets, exact);
    if (write(message.octets, exact, {}, step) != one) std::abort();
    file += one;
    const MboxWriteOptions length{.variant = MboxVariant::mboxcl2};
    if (write(message.octets, length, message.state, step) != write(message.octets, length, message.state))
      std::abort();
  }
  const auto back =
      split(file, {.line_ends = MboxLineEnds::kept, .state_fields = MboxStateFields::kept}, step, lookahead);
  if (back.size() != messages.size()) std::abort();
  for (std::size_t i = 0; i < back.size(); ++i) {
    std::string was = messages[i].octets;
    if (!was.empty() && !was.ends_with('\n')) was += '\n';
    if (back[i].octets != was) std::abort();
  }

  MboxDetector whole;
  MboxDetector pieces;
  MboxInternalData internal;
  MboxInternalData internal_pieces;
  whole.feed(input);
  internal.feed(input);
  for (std::size_t at = 0; at < input.size(); at += step) {
    pieces.feed(input.substr(at, step));
    internal_pieces.feed(input.substr(at, step));
  }
  if (whole.variant() != pieces.variant() || internal.finish() != internal_pieces.finish()) std::abort();
  if (internal.octets() != internal_pieces.octets()) std::abort();
  return 0;
}

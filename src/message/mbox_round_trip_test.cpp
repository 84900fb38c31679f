// What one writes, the other reads.
#include "base/random.h"
#include "message/mbox.h"
#include "message/mbox_test.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::message;
using namespace angarium::message::test;

namespace {

constexpr MboxVariant kVariants[] = {MboxVariant::mboxo, MboxVariant::mboxrd, MboxVariant::mboxcl,
                                     MboxVariant::mboxcl2};

std::string random_message(SeededRandom& random, std::string_view line_end) {
  static constexpr std::string_view kPieces[] = {"From ",
                                                 "From x\n",
                                                 ">From ",
                                                 ">>>",
                                                 "From a@example.org Thu Mar  5 07:08:09 2026\n",
                                                 "\n",
                                                 "\n\n",
                                                 "\n>",
                                                 "a",
                                                 "F",
                                                 "Subject: x\n",
                                                 "text of a line\n",
                                                 " ",
                                                 ">From a",
                                                 "Content-Lengt: 5\n",
                                                 "X",
                                                 "S\n",
                                                 "Status\n"};
  std::string text;
  for (auto left = random.below(24); left > 0; --left) text += kPieces[random.below(std::size(kPieces))];
  if (!text.empty() && !text.ends_with('\n')) text += '\n';
  std::string result;
  for (const char c : text) c == '\n' ? result += line_end : result += c;
  return result;
}

/// The loss of mboxo, told plainly: a line that began ">From " loses its mark.
std::string with_loss(std::string_view message) {
  std::string result;
  while (!message.empty()) {
    const std::size_t size = std::min(message.find('\n'), message.size() - 1) + 1;
    result += message.substr(message.starts_with(">From ") ? 1 : 0, size - (message.starts_with(">From ") ? 1 : 0));
    message.remove_prefix(size);
  }
  return result;
}

}  // namespace

TEST_CASE("what the writer writes, the reader gives back octet for octet, in any cuts") {
  SeededRandom random(4155);
  for (int round = 0; round < 3000; ++round) {
    const MboxVariant variant = kVariants[random.below(4)];
    const bool translated = random.below(2) == 0;
    const MboxLineEnds line_ends = translated ? MboxLineEnds::translated : MboxLineEnds::kept;
    const MboxWriteOptions write_options{.variant = variant, .line_ends = line_ends};
    const MboxReadOptions read_options{.variant = variant, .line_ends = line_ends};
    std::vector<std::string> messages;
    std::string file;
    for (auto left = random.below(4); left > 0; --left) {
      messages.push_back(random_message(random, translated || random.below(2) == 0 ? "\r\n" : "\n"));
      const std::string one = write(messages.back(), write_options);
      REQUIRE(write(messages.back(), write_options, {}, 1) == one);
      REQUIRE(write(messages.back(), write_options, {}, 1 + random.below(9)) == one);
      file += one;
      if (variant == MboxVariant::mboxo || variant == MboxVariant::mboxcl) messages.back() = with_loss(messages.back());
    }
    CAPTURE(file);
    const std::vector<SplitMessage> back = split(file, read_options);
    REQUIRE(back.size() == messages.size());
    for (std::size_t i = 0; i < back.size(); ++i) REQUIRE(back[i].octets == messages[i]);
    REQUIRE(same(split(file, read_options, 1), back));
    REQUIRE(same(split(file, read_options, 1 + random.below(20)), back));
  }
}

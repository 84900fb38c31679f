#include "delivery/delivery.h"

#include <unistd.h>

#include <array>

#include "delivery/here.h"
#include "delivery/maildir.h"
#include "delivery/mbox.h"
#include "delivery/pipe.h"

namespace angarium::delivery {
namespace {

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  return name.data();
}

struct Deliverer {
  Letter& letter;
  const Surroundings& surroundings;
  Step<std::string> operator()(const MboxTarget& target) const { return deliver_mbox(target, letter, surroundings); }
  Step<std::string> operator()(const MaildirTarget& target) const {
    return deliver_maildir(target, letter, surroundings);
  }
  Step<std::string> operator()(const PipeTarget& target) const { return deliver_pipe(target, letter, surroundings); }
};

}  // namespace

Surroundings with_names(Surroundings surroundings) {
  if (surroundings.host.empty()) surroundings.host = host_name();
  if (surroundings.process == 0) surroundings.process = static_cast<std::uint64_t>(::getpid());
  return surroundings;
}

Outcome deliver(const Target& target, Letter letter, Surroundings unnamed) {
  const Surroundings surroundings = with_names(std::move(unnamed));
  Step<std::string> place = std::visit(Deliverer{.letter = letter, .surroundings = surroundings}, target);
  if (!place) return std::move(place).error();
  return {.status = kDelivered, .words = *std::move(place)};
}

}  // namespace angarium::delivery

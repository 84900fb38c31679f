#include "program/signals.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <initializer_list>

namespace angarium::program {
namespace {

sigset_t our_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) sigaddset(&set, number);
  return set;
}

constexpr std::array kFaults{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
/// A handler of signals has nothing else to know it by.
std::atomic<queue::InHand*> told{nullptr};
std::array<struct sigaction, kFaults.size()> before;

void crash(int number) {
  if (queue::InHand* const in_hand = told.load()) in_hand->crashing();
  for (std::size_t i = 0; i < kFaults.size(); ++i) ::sigaction(kFaults[i], &before[i], nullptr);
  // Arrives when this returns, whoever sent the first one.
  ::raise(number);
}

}  // namespace

void block_signals() {
  const sigset_t set = our_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

Signal next_signal() {
  const sigset_t set = our_signals();
  int number = 0;
  while (sigwait(&set, &number) != 0) {
  }
  if (number == SIGCHLD) return Signal::child;
  return number == SIGHUP ? Signal::reload : Signal::end;
}

TellsOfCrash::TellsOfCrash(queue::InHand* in_hand) {
  told = in_hand;
  struct sigaction action{};
  action.sa_handler = crash;
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < kFaults.size(); ++i) ::sigaction(kFaults[i], &action, &before[i]);
}

TellsOfCrash::~TellsOfCrash() {
  for (std::size_t i = 0; i < kFaults.size(); ++i) ::sigaction(kFaults[i], &before[i], nullptr);
  told = nullptr;
}

}  // namespace angarium::program

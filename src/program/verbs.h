// Commands that are one verb of the server with its arguments, as tables.
#pragma once

#include <string>
#include <vector>

namespace angarium::program {

/// An argument of a verb: a positional one that has to be there, or an option.
struct VerbArgument {
  std::string name;  ///< as the server calls it
  std::string description;
  std::string
      flag{};  ///< "--mailbox", or a name: a positional one that may be left out; empty: one that has to be there
  bool alone = false;  ///< the option has no value: it says yes
};
struct PlainVerb {
  std::string name;
  std::string verb;
  std::string description;
  std::string example;
  std::vector<VerbArgument> arguments;
};
struct PlainGroup {
  std::string name;
  std::string description;
  std::vector<PlainVerb> verbs;
};

/// In the order in which they are listed.
std::vector<PlainGroup> plain_groups();

}  // namespace angarium::program

#include "harness/claims/rules.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include "harness/claims/evidence.hpp"

namespace harness {
namespace {

/// A part's terms; the whole, if it is the only one.
std::vector<Comparison> terms_of(const Reading& reading) {
  return reading.terms.empty() ? std::vector<Comparison>{reading.whole} : reading.terms;
}

double least(const Reading& reading, double Comparison::*p) {
  double smallest = 1;
  for (const Comparison& term : terms_of(reading)) smallest = std::min(smallest, term.*p);
  return smallest;
}

/// The readings that must all agree: a part's own, and with each control.
template <class Of>
double largest_of_readings(const PartResult& part, Of of) {
  double largest = of(part.reading);
  for (const ControlResult& control : part.controls) {
    largest = std::max(largest, of(control.reading));
  }
  return largest;
}

double adjusted(const Place& place, double ClaimPs::*question, double p) {
  std::vector<double> family;
  for (const ClaimPs& ps : place.family) family.push_back(ps.*question);
  family[place.at] = std::min(1.0, p);
  return holm(family)[place.at];
}

bool is_larger(const Comparison& numbers, double margin) {
  return numbers.interval && numbers.interval->low > 0 && numbers.effect >= margin &&
         numbers.superiority.interval.low > 0.5;
}

bool is_smaller(const Comparison& numbers, double margin) {
  return numbers.interval && numbers.interval->high < 0 && numbers.effect <= -margin &&
         numbers.superiority.interval.high < 0.5;
}

bool is_beyond(const Comparison& numbers, double margin) {
  return numbers.interval && (numbers.interval->low > margin || numbers.interval->high < -margin);
}

bool is_below(const Comparison& numbers, double margin) {
  return numbers.interval && numbers.interval->high < -margin;
}

bool is_opposite(Relation relation, const Comparison& numbers, double margin) {
  return relation == Relation::larger       ? is_smaller(numbers, margin)
         : relation == Relation::equivalent ? is_beyond(numbers, margin)
                                            : is_below(numbers, margin);
}

bool is_held(Relation relation, const Comparison& numbers, double margin) {
  if (relation == Relation::larger) return is_larger(numbers, margin);
  if (relation == Relation::equivalent) return true;
  return numbers.interval && numbers.interval->low > -margin;
}

struct Found {
  Finding finding = Finding::open;
  double p_holm = 1;
};

/// count: of the claim's terms.
Found find(Relation relation, double margin, const Reading& reading, double count,
           const Place& place) {
  const double claimed = adjusted(place, &ClaimPs::claimed, reading.whole.p_claimed);
  const auto any_term = [&](double ClaimPs::*question, double Comparison::*p,
                            const std::function<bool(const Comparison&)>& is) {
    double smallest = 1;
    for (const Comparison& term : terms_of(reading)) {
      if (is(term)) smallest = std::min(smallest, adjusted(place, question, count * (term.*p)));
    }
    return smallest;
  };
  const double opposite =
      any_term(&ClaimPs::opposite, &Comparison::p_opposite,
               [&](const Comparison& term) { return is_opposite(relation, term, margin); });
  if (opposite <= kAlpha) return {Finding::opposite, opposite};
  if (claimed <= kAlpha && is_held(relation, reading.whole, margin)) {
    return {Finding::holds, claimed};
  }
  if (relation == Relation::larger) {
    const double small = any_term(&ClaimPs::negligible, &Comparison::p_negligible,
                                  [](const Comparison&) { return true; });
    if (small <= kAlpha) return {Finding::too_small, small};
  }
  return {Finding::open, claimed};
}

/// What the controls leave of parts with a finding: the part that is left must be kept by each of
/// its controls.
struct Controls {
  bool flip = false, open = false;
  void add(const PartResult& part) {
    for (const ControlResult& control : part.controls) {
      flip |= control.effect == Effect::flips;
      open |= control.effect == Effect::open;
    }
  }
  Outcome left(Outcome outcome) const {
    return flip ? Outcome::fragile : open ? Outcome::inconclusive : outcome;
  }
};

Outcome with_controls(Outcome as_defined, const std::vector<PartResult>& parts) {
  Controls all;
  if (as_defined == Outcome::supported) {
    for (const PartResult& part : parts) all.add(part);
    return all.left(as_defined);
  }
  if (as_defined != Outcome::contradicted) return as_defined;
  for (const PartResult& part : parts) {
    if (part.finding != Finding::opposite) continue;
    Controls own;
    own.add(part);
    if (own.left(as_defined) == as_defined) return as_defined;  // one part is enough
    all.add(part);
  }
  return all.left(as_defined);
}

double lowest_effect(const Reading& reading) {
  double lowest = reading.whole.effect;
  for (const Comparison& term : reading.terms) lowest = std::min(lowest, term.effect);
  return lowest;
}

bool still_holds(Relation relation, const PartResult& part) {
  const double effect = part.reading.whole.effect;
  if (relation == Relation::larger) return effect >= part.margin;
  if (relation == Relation::equivalent) return std::fabs(effect) <= part.margin;
  return effect >= -part.margin;
}

bool still_opposite(Relation relation, const PartResult& part) {
  const double effect = lowest_effect(part.reading);
  if (relation == Relation::equivalent) return std::fabs(effect) > part.margin;
  return effect <= -part.margin;
}

}  // namespace

ClaimPs ps_of(const Claim& claim, const std::vector<PartResult>& parts) {
  const double count = double(count_terms(claim));
  ClaimPs ps{0, 1, 1};
  for (std::size_t k = 0; k < parts.size(); ++k) {
    ps.claimed = std::max(ps.claimed, largest_of_readings(parts[k], [](const Reading& reading) {
                            return reading.whole.p_claimed;
                          }));
    ps.opposite =
        std::min(ps.opposite, count * largest_of_readings(parts[k], [](const Reading& reading) {
                                return least(reading, &Comparison::p_opposite);
                              }));
    if (claim.parts[k].relation == Relation::larger) {
      ps.negligible =
          std::min(ps.negligible, count * least(parts[k].reading, &Comparison::p_negligible));
    }
  }
  return ps;
}

Decision decide(const Claim& claim, std::vector<PartResult>& parts, const Place& place) {
  const double count = double(count_terms(claim));
  bool opposite = false, holds = true, too_small = false;
  for (std::size_t k = 0; k < parts.size(); ++k) {
    PartResult& part = parts[k];
    const Relation relation = claim.parts[k].relation;
    const Found found = find(relation, part.margin, part.reading, count, place);
    part.finding = found.finding;
    part.p_holm = found.p_holm;
    for (ControlResult& control : part.controls) {
      const Finding other = find(relation, part.margin, control.reading, count, place).finding;
      control.effect = other == found.finding   ? Effect::keeps
                       : other == Finding::open ? Effect::open
                                                : Effect::flips;
    }
    opposite |= found.finding == Finding::opposite;
    holds &= found.finding == Finding::holds;
    too_small |= found.finding == Finding::too_small;
  }
  Decision decision;
  const auto settle = [&](Outcome outcome, double ClaimPs::*question) {
    decision.as_defined = outcome;
    decision.outcome = with_controls(outcome, parts);
    decision.p = place.family[place.at].*question;
    decision.p_holm = adjusted(place, question, decision.p);
    return decision;
  };
  if (opposite) return settle(Outcome::contradicted, &ClaimPs::opposite);
  if (holds) return settle(Outcome::supported, &ClaimPs::claimed);
  if (too_small) return settle(Outcome::negligible, &ClaimPs::negligible);
  return settle(Outcome::inconclusive, &ClaimPs::claimed);
}

bool stays(const Claim& claim, const std::vector<PartResult>& at_end, Outcome as_defined,
           const std::vector<PartResult>& landmark) {
  bool all_hold = true, any_opposite = false;
  for (std::size_t k = 0; k < landmark.size(); ++k) {
    const Relation relation = claim.parts[k].relation;
    all_hold &= still_holds(relation, landmark[k]);
    any_opposite |= at_end[k].finding == Finding::opposite && still_opposite(relation, landmark[k]);
  }
  if (as_defined == Outcome::supported) return all_hold;
  if (as_defined == Outcome::contradicted) return any_opposite;
  return true;
}

}  // namespace harness

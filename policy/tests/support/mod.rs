//! A workload that fails and heals on order, seen as `plan` sees it, with virtual time.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(unreachable_pub, clippy::expect_used, reason = "test support")]

use jiff::{SignedDuration, Timestamp};
use podmender_policy::{
    approval::{Answer, Approval, Entrance, Proof},
    audit::Chain,
    bounds::{Message, Name},
    incident::Incident,
    ledger::Ledger,
    observation::*,
    plan::{Plan, conclude, plan},
    remedy::{Effect, Outcome, RemedyName},
    rules::{AgentPolicySpec, Ground, Policy},
    workload::{WorkloadKind, WorkloadRef},
};

pub fn start() -> Timestamp {
    "2026-11-21T09:00:00Z".parse().expect("a time")
}

/// A policy as a user writes it.
pub fn policy(yaml: &str) -> Policy {
    let spec: AgentPolicySpec = serde_saphyr::from_str(yaml).expect("yaml");
    let ground = Ground {
        own: "podmender".into(),
        granted: ["shop".into()].into(),
    };
    Policy::parse("main", "podmender", &spec, &ground)
        .expect("a valid policy")
        .policy
}

pub fn autonomous() -> Policy {
    policy(
        "scope: {namespaces: [shop]}
capabilities: [{name: autoRestart, enabled: true, config: {maxRestarts: 3, window: 1h, cooldownPeriod: 60s, backoffFactor: 2}}]
autonomy: {level: autonomous}",
    )
}

/// How the pod does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodState {
    Healthy,
    CrashLoop,
    OomAtStart,
    BadImage,
}

/// A Deployment with one replica, and everything around it that outlives the agent.
#[derive(Clone, Debug)]
pub struct Shop {
    pub now: Timestamp,
    pub state: PodState,
    pub pod: u32,
    pub pod_created: Timestamp,
    pub restarts: u32,
    pub last_crash: Timestamp,
    pub consent: Consent,
    pub kind: WorkloadKind,
    pub generation: i64,
    pub rollout: RolloutState,
    pub disruption: Disruption,
    pub freshness: Freshness,
    pub surroundings: Surroundings,
    pub approvals: Vec<Approval>,
    pub events: Vec<EventSeen>,
    pub ready_pods: u32,
    /// What a failing pod says of its readiness, if not that it has been not ready since it failed.
    pub ready: Option<Ready>,
    pub desired: u32,
    // What is stored in the API server.
    pub ledger: Ledger,
    pub incident: Option<Incident>,
    pub chain: Chain,
    /// Evictions that the API server has carried out.
    pub acts: Vec<(Timestamp, Effect)>,
}

impl Shop {
    pub fn new() -> Self {
        let now = start();
        Self {
            now,
            state: PodState::Healthy,
            pod: 0,
            pod_created: now - SignedDuration::from_hours(5),
            restarts: 0,
            last_crash: now,
            consent: Consent::Given,
            kind: WorkloadKind::Deployment,
            generation: 1,
            rollout: RolloutState::Complete,
            disruption: Disruption::Allowed,
            freshness: Freshness::Fresh,
            surroundings: Surroundings {
                pods: 100,
                pods_failing: 1,
                workloads_failing: 1,
                storm: None,
            },
            approvals: Vec::new(),
            events: Vec::new(),
            ready_pods: 1,
            ready: None,
            desired: 1,
            ledger: Ledger::default(),
            incident: None,
            chain: Chain {
                head: Default::default(),
            },
            acts: Vec::new(),
        }
    }

    pub fn crash_loop(mut self) -> Self {
        self.fail(PodState::CrashLoop);
        self.restarts = 5;
        self
    }

    pub fn fail(&mut self, state: PodState) {
        self.state = state;
        self.restarts += 1;
        self.last_crash = self.now;
        self.ready_pods = 0;
    }

    pub fn heal(&mut self) {
        self.state = PodState::Healthy;
        self.ready_pods = self.desired;
    }

    pub fn wait(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
        if self.state != PodState::Healthy {
            self.last_crash = self.now;
        }
    }

    pub fn id(&self) -> WorkloadRef {
        WorkloadRef {
            kind: self.kind,
            namespace: "shop".into(),
            name: "api".into(),
        }
    }

    pub fn uid(&self) -> Name {
        format!("pod-{}", self.pod).into()
    }

    pub fn observe(&self) -> Observation {
        let suspects = if self.state == PodState::Healthy {
            Vec::new()
        } else {
            vec![self.pod_seen()]
        };
        Observation {
            workload: WorkloadSeen {
                id: self.id(),
                uid: "workload-1".into(),
                generation: self.generation,
                owner_kind: "Deployment".into(),
                presence: Presence::Present,
                consent: self.consent,
                rollout: Rollout {
                    state: self.rollout,
                    revision: Some("r1".into()),
                    since: Some(start() - SignedDuration::from_hours(5)),
                    has_previous: false,
                    replaces: Replaces::Gradually,
                },
                restarted_at: None,
                manager: Manager::None,
                gave_up: None,
            },
            suspects,
            events: self.events.clone(),
            pod_uids: vec![self.uid()],
            replicas: Replicas {
                desired: self.desired,
                ready: self.ready_pods,
            },
            surroundings: self.surroundings,
            approvals: self.approvals.clone(),
            unclosable: None,
            freshness: self.freshness,
            evidence: EvidenceState::Complete,
            disruption: self.disruption,
        }
    }

    fn pod_seen(&self) -> PodSeen {
        let ended = |reason, exit_code, ran: i64| Terminated {
            reason,
            exit_code,
            message: Message::default(),
            started: Some(self.last_crash - SignedDuration::from_secs(ran)),
            finished: Some(self.last_crash),
        };
        let waiting = |reason| ContainerState::Waiting {
            reason,
            message: Message::default(),
        };
        let (state, last) = match self.state {
            PodState::Healthy => (ContainerState::Running(Some(self.pod_created)), None),
            PodState::CrashLoop => (
                waiting(WaitingReason::CrashLoopBackOff),
                Some(ended(TerminatedReason::Error, 1, 120)),
            ),
            PodState::OomAtStart => (
                waiting(WaitingReason::CrashLoopBackOff),
                Some(ended(TerminatedReason::OOMKilled, 137, 2)),
            ),
            PodState::BadImage => (waiting(WaitingReason::ImagePullBackOff), None),
        };
        PodSeen {
            name: format!("api-{}", self.pod).into(),
            uid: self.uid(),
            created: self.pod_created,
            node: Some("node1".into()),
            revision: Some("r1".into()),
            phase: PodPhase::Running,
            leaving: Leaving::No,
            ready: self.ready.unwrap_or(Ready::No(self.last_crash)),
            was_ready: self.state == PodState::CrashLoop,
            unschedulable: None,
            restart_policy: RestartPolicy::Always,
            is_static: false,
            containers: vec![ContainerSeen {
                name: "c".into(),
                role: ContainerRole::Main,
                image: "shop/api:1".into(),
                restarts: self.restarts,
                ready: false,
                started: false,
                state,
                last,
                resized: None,
                memory_limit: None,
                log: None,
            }],
            probes: Vec::new(),
            events: Vec::new(),
        }
    }

    /// An answer of `ann`, proven, to the incident as it stands; `None` without one.
    pub fn answer(&self, id: &str, answer: Answer) -> Option<Approval> {
        let incident = self.incident.as_ref()?;
        Some(Approval {
            id: id.into(),
            incident: incident.id.clone(),
            answer,
            remedy: RemedyName::Restart,
            uid: "workload-1".into(),
            generation: self.generation,
            by: "ann".into(),
            at: self.now,
            entrance: Entrance::Kubernetes,
            proof: Proof::Proven,
            snooze_for: None,
        })
    }

    /// What `plan` says now. Changes nothing.
    pub fn look(&self, policy: &Policy) -> Plan {
        plan(
            policy,
            &self.ledger,
            self.incident.clone(),
            &self.observe(),
            self.now,
        )
    }

    /// Records that the time is over, as `expiry::close` does.
    pub fn close(&mut self, plan: &Plan) {
        let (Some(asked), Some(incident)) = (&plan.closes, &plan.incident) else {
            return;
        };
        let name = asked.slot(&incident.id, 1);
        if let Some(mut end) = self.answer(name.as_str(), Answer::Expired) {
            (end.by, end.entrance) = ("podmender".into(), Entrance::Agent);
            self.approvals.push(end);
        }
    }

    /// Writes the intent, as `record::intent` does.
    pub fn intend(&mut self, plan: &Plan) {
        self.ledger.prune(self.now);
        self.ledger.spent.extend(plan.spend.clone());
        self.store(plan.incident.clone(), plan.facts.clone());
    }

    fn store(&mut self, incident: Option<Incident>, facts: Vec<podmender_policy::audit::Fact>) {
        let Some(mut incident) = incident else { return };
        for fact in facts {
            let record = self.chain.append(self.now, incident.id.clone(), fact);
            incident.status.timeline.push(record);
        }
        self.ledger.absorb(&incident, self.now);
        self.incident = Some(incident);
    }

    /// The API server carries the act out: the pod is replaced by one in the same state.
    pub fn carry_out(&mut self, plan: &Plan) -> Outcome {
        let Some(act) = &plan.act else {
            return Outcome::Failed;
        };
        match &act.effect {
            Effect::Evict { uid, .. } if *uid == self.uid() => {
                self.acts.push((self.now, act.effect.clone()));
                self.pod += 1;
                self.pod_created = self.now;
                Outcome::Executed
            }
            _ => Outcome::Refused(podmender_policy::remedy::Refusal::Gone),
        }
    }

    pub fn conclude(&mut self, plan: &Plan, outcome: Outcome) {
        let Some(act) = &plan.act else { return };
        let Some(mut incident) = self.incident.clone() else {
            return;
        };
        let facts = conclude(&mut incident, &act.id, outcome, self.now);
        self.store(Some(incident), facts);
    }

    /// A whole pass.
    pub fn pass(&mut self, policy: &Policy) -> Plan {
        let plan = self.look(policy);
        self.intend(&plan);
        self.close(&plan);
        if plan.act.is_some() {
            let outcome = self.carry_out(&plan);
            self.conclude(&plan, outcome);
        }
        plan
    }

    pub fn phase(&self) -> Option<podmender_policy::incident::Phase> {
        self.incident.as_ref().map(|i| i.status.phase)
    }

    pub fn reason(&self) -> Option<podmender_policy::decide::Reason> {
        self.incident.as_ref().map(|i| i.status.reason)
    }
}

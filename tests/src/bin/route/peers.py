# Reads [{"name", "points"}] from standard input, prints name, solver and length of a round trip after one second each.
import json
import math
import sys


def matrix(points):
    return [[int(math.hypot(ax - bx, ay - by) + 0.5) for bx, by in points] for ax, ay in points]


def by_pyvrp(d):
    from pyvrp import Model
    from pyvrp.stop import MaxRuntime

    model = Model()
    places = [model.add_location(x=0, y=0) for _ in d]
    depot = model.add_depot(places[0])
    for place in places[1:]:
        model.add_client(place)
    model.add_vehicle_type(1, start_depot=depot, end_depot=depot)
    for i, a in enumerate(places):
        for j, b in enumerate(places):
            if i != j:
                model.add_edge(a, b, distance=d[i][j])
    return model.solve(stop=MaxRuntime(1), display=False, seed=1).cost()


def by_vroom(d):
    import vroom

    problem = vroom.Input()
    problem.set_durations_matrix("car", d)
    problem.add_vehicle(vroom.Vehicle(1, start=0, end=0))
    for i in range(1, len(d)):
        problem.add_job(vroom.Job(i, location=i))
    return problem.solve(exploration_level=5, nb_threads=1).summary.cost


for instance in json.load(sys.stdin):
    d = matrix(instance["points"])
    for name, solve in (("PyVRP", by_pyvrp), ("VROOM", by_vroom)):
        try:
            print(instance["name"], name, solve(d), sep="\t", flush=True)
        except Exception as error:
            print(f"{name}: {instance['name']}: {type(error).__name__}: {error}", file=sys.stderr)
